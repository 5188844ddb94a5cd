"""Jobs that are missing: timers that headers need, receipts of tombstones, erasures of users who are marked for one."""

from chatkeep import jobs
from chatkeep.dynamodb.transaction import Transaction
from chatkeep.jobs.due import Keys
from chatkeep.models.deletion import Deletion, DeletionKind, Erasure
from chatkeep.models.session import Session
from chatkeep.models.timer import Timer
from chatkeep.models.totals import Totals
from chatkeep.removal import erasing
from chatkeep.sessions import timers
from chatkeep.sessions.activity import MovedError
from functions.purge.orphans.orphan import still

TIMED_BY = ("deletion_id", "deleted_at", "purge_at", "expire_after_days", "is_temporary")
"""The attributes of a header that its timer is made of; `updated_at` only puts it off."""


def timer(session: Session) -> Timer | None:
    """The timer that the header needs; None for a tombstone, which its deletion comes for."""
    return None if session.deletion_id is not None else timers.timer_of(session)


def set_timer(user_id: str, session_id: str) -> list[Keys] | None:
    """Set the session's timer where it has none and needs one. Raises MovedError."""
    session = Session.find(user_id, session_id)
    wanted = None if session is None else timer(session)
    if session is None or wanted is None or Timer.find(user_id, session_id) is not None:
        return None
    with Transaction() as transaction:
        header, keys = still(session, *TIMED_BY), (session.pk, session.sk)
        transaction.check(Session, keys, header, otherwise=MovedError())
        transaction.put(wanted, Timer.sk.does_not_exist(), otherwise=MovedError())
    return []


def record_deletion(user_id: str, session_id: str) -> list[Keys] | None:
    """Record the deletion that the session's tombstone names, where there is none. Raises MovedError."""
    tombstone = Session.find(user_id, session_id)
    if tombstone is None or tombstone.deletion_id is None or Deletion.find(user_id, tombstone.deletion_id):
        return None
    totals = Totals.find(user_id)
    if totals is not None and totals.erasure_id is not None:
        return None  # the erasure removes all of the user's
    deletion = new_deletion(user_id, tombstone.deletion_id, session_id, totals)
    deletion.shown_id = tombstone.client_id
    with Transaction() as transaction:
        mine, keys = still(tombstone, "deletion_id"), (tombstone.pk, tombstone.sk)
        transaction.check(Session, keys, mine, otherwise=MovedError())
        transaction.put(deletion, Deletion.sk.does_not_exist(), otherwise=MovedError())
        check_not_erased(transaction, user_id)
    return [(deletion.pk, deletion.sk)]


def record_erasure(user_id: str) -> list[Keys] | None:
    """Record the erasure that the user's totals name, where there is none. Raises MovedError."""
    totals = Totals.find(user_id)
    if totals is None or totals.erasure_id is None or Erasure.find(totals.erasure_digest, totals.erasure_id):
        return None
    erasure = erasing.job(user_id, totals.erasure_digest, totals.erasure_id)
    with Transaction() as transaction:
        mine, keys = still(totals, "erasure_id"), (totals.pk, totals.sk)
        transaction.check(Totals, keys, mine, otherwise=MovedError())
        transaction.put(erasure, Erasure.sk.does_not_exist(), otherwise=MovedError())
    return [(erasure.pk, erasure.sk)]


def new_deletion(user_id: str, deletion_id: str, session_id: str, totals: Totals | None) -> Deletion:
    """A deletion that is due; of a user without totals, who was erased, no receipt is to stay."""
    return Deletion(
        user_id,
        deletion_id,
        kind=DeletionKind.USER if totals is None else DeletionKind.SESSION,
        session_id=session_id,
        **jobs.asked_for(deletion_id),
    )


def check_not_erased(transaction: Transaction, user_id: str) -> None:
    """Have the transaction fail with MovedError while the user is being erased: that removes all of the user's."""
    transaction.check(Totals, Totals.KEY.of(user_id), Totals.erasure_id.does_not_exist(), otherwise=MovedError())
