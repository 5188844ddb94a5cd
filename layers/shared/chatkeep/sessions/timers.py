"""A session's timer, set in the transaction of whatever decides what becomes of the session."""

from datetime import datetime, timedelta

from chatkeep.clock import milliseconds, stamp
from chatkeep.dynamodb.transaction import Transaction
from chatkeep.models import due
from chatkeep.models.deletion import DeletionKind
from chatkeep.models.session import Session, Status
from chatkeep.models.timer import Timer, TimerKind

TEMPORARY_DAYS = 1
OF_TEMPORARY = "cannot be chosen for a temporary session: a day without a change ends it"


def expiry(session: Session) -> datetime | None:
    """When the session expires unless it changes before, by a turn or otherwise; None for never."""
    days = TEMPORARY_DAYS if session.is_temporary else session.expire_after_days
    return None if days is None else datetime.fromisoformat(session.updated_at) + timedelta(days=int(days))


def timer_of(session: Session) -> Timer | None:
    """The timer that the session, in the state that it is in, needs."""
    if session.status is Status.DELETED:
        return _timer(session, TimerKind.PURGE, datetime.fromisoformat(session.purge_at))
    at = expiry(session)
    return None if at is None else _timer(session, TimerKind.EXPIRY, at)


def set_timer(transaction: Transaction, session: Session, reason: DeletionKind = DeletionKind.SESSION) -> None:
    """Have the session's timer be the one that it needs, in place of any other; `reason` is whose doing a purge is."""
    if timer := timer_of(session):
        timer.reason = reason
        transaction.put(timer)
    else:
        transaction.discard(Timer(session.user_id, session.session_id))


def _timer(session: Session, kind: TimerKind, at: datetime) -> Timer:
    return Timer(
        session.user_id,
        session.session_id,
        kind=kind,
        requested_at=stamp(at),
        due_at=milliseconds(at),
        due_shard=due.shard(session.session_id),
    )
