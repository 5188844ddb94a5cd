"""What a session's timer does when its time has come."""

from contextlib import suppress
from datetime import timedelta

from chatkeep import jobs
from chatkeep.clock import milliseconds, now
from chatkeep.dynamodb.transaction import Transaction
from chatkeep.errors import SessionChangedError, SessionNotFoundError
from chatkeep.models.deletion import Deletion, DeletionKind
from chatkeep.models.job import JobStatus
from chatkeep.models.session import Session
from chatkeep.models.timer import Timer, TimerKind
from chatkeep.removal import tombstones
from chatkeep.retrying import attempts
from chatkeep.sessions import soft_deletion, timers
from chatkeep.sessions.activity import MovedError, idle

ATTEMPTS = 8


def ring(timer: Timer, retention: timedelta) -> Deletion | None:
    """Delete the session, softly or for good, if the time for it has come by its header; else set the timer to then.

    Returns the deletion that is to be carried out, where there is one. Raises ClaimLostError, and SessionChangedError
    where the session keeps changing.
    """
    for _ in attempts(ATTEMPTS):
        with suppress(MovedError, SessionNotFoundError):  # it has changed, or gone, since it was read
            return _ring(timer, retention)
    raise SessionChangedError()


def _ring(timer: Timer, retention: timedelta) -> Deletion | None:
    session = Session.find(timer.user_id, timer.session_id)
    wanted = None if session is None or session.deletion_id is not None else timers.timer_of(session)
    if session is None or wanted is None:
        with Transaction() as transaction:
            transaction.discard(timer, jobs.claimed(timer), otherwise=jobs.ClaimLostError())
        return None
    # A turn that runs is about to change the session.
    due_at = max(wanted.due_at, session.lease_expires_at or 0)
    if due_at > milliseconds(now()):
        later = [Timer.kind.set(wanted.kind), Timer.due_at.set(due_at)]
        jobs.change(timer, [*later, Timer.attempts.set(0), Timer.status.set(JobStatus.PENDING)])
        return None
    if wanted.kind == TimerKind.PURGE:
        return tombstones.bury(session, DeletionKind(timer.reason), idle(session))
    if session.is_temporary:
        return tombstones.bury(session, DeletionKind.EXPIRY, idle(session))
    soft_deletion.expire(session, retention)
    return None
