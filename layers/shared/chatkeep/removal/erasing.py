"""Erasing a user: every session with its tombstone first, then their contents, then all else in the user's partition.

The totals hold the mark that keeps the user from making anything anew, and go last.
"""

import hashlib
import hmac
from contextlib import suppress

from pynamodb.expressions.condition import Condition

from chatkeep import ids, jobs
from chatkeep.clock import milliseconds, now
from chatkeep.dynamodb.transaction import Transaction
from chatkeep.errors import SessionChangedError, UserBeingErasedError
from chatkeep.models.deletion import DeletionKind, Erasure
from chatkeep.models.session import Session
from chatkeep.models.totals import Totals
from chatkeep.removal import receipts, tombstones
from chatkeep.removal.pace import check_time
from chatkeep.removal.purging import Purge
from chatkeep.retrying import attempts
from chatkeep.sessions.activity import MovedError

ATTEMPTS = 8


class _BegunError(Exception):
    """An erasure of the user is under way."""


class _GoneError(Exception):
    """The session is gone."""


def digest(user_id: str, key: str) -> str:
    """What stands for a user in the receipt of an erasure: HMAC-SHA-256 (RFC 2104) of the id, in hexadecimal."""
    return hmac.new(key.encode(), user_id.encode(), hashlib.sha256).hexdigest()


def begin(user_id: str, owner: str) -> Erasure:
    """Record that the user is to be erased; once more, before it is done, gives the same erasure.

    `owner` is the user's digest. From then on the user gets no new session and no new preferences. Raises
    UserBeingErasedError where an erasure ends at this very moment.
    """
    deletion_id = ids.new()
    erasure = job(user_id, owner, deletion_id)
    try:
        with Transaction() as transaction:
            nobody = Totals.erasure_id.does_not_exist()
            mark = [Totals.erasure_id.set(deletion_id), Totals.erasure_digest.set(owner)]
            transaction.change(Totals(user_id), *mark, condition=nobody, otherwise=_BegunError())
            transaction.put(erasure)
    except _BegunError:
        totals = Totals.find(user_id)
        known = totals and totals.erasure_id and Erasure.find(totals.erasure_digest, totals.erasure_id)
        if not known:  # it ended this very moment, or its job was lost, which the sweep for orphans mends
            raise UserBeingErasedError from None
        return known
    return erasure


def job(user_id: str, owner: str, deletion_id: str) -> Erasure:
    """The erasure of a user, due at once."""
    return Erasure(owner, deletion_id, kind=DeletionKind.USER, subject=user_id, **jobs.asked_for(deletion_id))


def finish(job: Erasure, purge: Purge) -> bool:
    """Remove all of the user's, and complete the erasure to its receipt; put it off while turns may still store events.

    Returns whether it is complete. Raises OutOfTimeError, ClaimLostError.
    """
    user_id = str(job.subject)
    for session in Session.among(user_id):
        check_time()
        _bury(job, session)
    if written_until := max((_remove(job, purge, one) for one in Session.among(user_id)), default=0):
        receipts.look_again(job, written_until)
        return False
    purge.remove_rest(user_id, but=Totals.KEY.of(user_id))
    _complete(job, user_id)
    return True


def _remove(job: Erasure, purge: Purge, tombstone: Session) -> int:
    """Remove the session; while its last turn may store events, only its contents, and return until when that is."""
    began, user_id = milliseconds(now()), tombstone.user_id
    purge.remove_contents(user_id, tombstone.session_id)
    if (written_until := tombstones.written_until(tombstone)) > began:
        return written_until
    # By a deletion of its own, which counts it, or by this very transaction, whose answer was lost.
    with suppress(_GoneError), Transaction() as transaction:
        transaction.discard(tombstone, Session.sk.exists(), otherwise=_GoneError())
        one_more = Erasure.sessions.add(1)
        transaction.change(job, one_more, condition=jobs.claimed(job), otherwise=jobs.ClaimLostError())
    return 0


def _complete(job: Erasure, user_id: str) -> None:
    with Transaction() as transaction:
        mine: Condition = Totals.erasure_id == job.deletion_id
        transaction.discard(Totals(user_id), mine, otherwise=jobs.ClaimLostError())
        transaction.change(
            job,
            *jobs.ended(job),
            *receipts.completed(job),
            Erasure.subject.remove(),
            condition=jobs.claimed(job),
            otherwise=jobs.ClaimLostError(),
        )


def _bury(job: Erasure, session: Session | None) -> None:
    """Make a tombstone of the session's header, unless it is one."""
    for _ in attempts(ATTEMPTS):
        if session is None or session.deletion_id is not None:
            return
        try:
            with Transaction() as transaction:
                tombstones.lay(transaction, session, job.deletion_id, otherwise=MovedError())
        except MovedError:
            session = Session.find(session.user_id, session.session_id)
        else:
            return
    raise SessionChangedError()
