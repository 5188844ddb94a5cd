"""Deleting a session for good, on its user's request or because its time is over."""

from pynamodb.expressions.condition import Condition

from chatkeep import jobs
from chatkeep.clock import milliseconds, now
from chatkeep.dynamodb.transaction import Transaction
from chatkeep.errors import SessionChangedError, SessionNotFoundError
from chatkeep.models.deletion import Deletion, DeletionKind
from chatkeep.models.session import Session
from chatkeep.removal import receipts, tombstones
from chatkeep.removal.purging import Purge
from chatkeep.retrying import attempts
from chatkeep.sessions.activity import MovedError

ATTEMPTS = 8


def delete(user_id: str, session_id: str, known: receipts.Latest | None = None) -> Deletion:
    """Delete the session for good; once more gives the same deletion, if it is `known` by its receipt.

    Raises SessionNotFoundError for one that never was, SessionChangedError.
    """
    for _ in attempts(ATTEMPTS):
        session = Session.find(user_id, session_id)
        if session is None:
            if receipt := (known or receipts.Latest(user_id)).of_session(session_id):
                return receipt
            raise SessionNotFoundError()
        if session.deletion_id is not None:
            return tombstones.buried(session)
        try:
            return tombstones.bury(session, DeletionKind.SESSION)
        except MovedError:
            continue
    raise SessionChangedError()


def finish(job: Deletion, purge: Purge) -> bool:
    """Remove what the deletion is of, and complete it to its receipt; put it off while a turn may still store events.

    Returns whether it is complete.
    """
    began = milliseconds(now())
    purge.remove_contents(job.user_id, job.session_id)
    purge.remove_answers(job.user_id, job.session_id)
    tombstone = Session.find(job.user_id, job.session_id)
    if tombstone is not None and tombstones.written_until(tombstone) > began:
        receipts.look_again(job, tombstones.written_until(tombstone))
        return False
    with Transaction() as transaction:
        if tombstone is not None and tombstone.deletion_id == job.deletion_id:
            mine: Condition = Session.deletion_id == job.deletion_id
            transaction.discard(tombstone, mine, otherwise=jobs.ClaimLostError())
        _end(transaction, job)
    return True


def _end(transaction: Transaction, job: Deletion) -> None:
    if job.kind == DeletionKind.USER:
        transaction.discard(job, jobs.claimed(job), otherwise=jobs.ClaimLostError())
        return
    transaction.change(
        job,
        *jobs.ended(job),
        *receipts.completed(job),
        Deletion.sessions.set(1),
        condition=jobs.claimed(job),
        otherwise=jobs.ClaimLostError(),
    )
