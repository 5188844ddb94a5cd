"""Deleting a session softly, and restoring it."""

from contextlib import suppress
from datetime import datetime, timedelta

from pynamodb.expressions.condition import Condition

from chatkeep import sessions
from chatkeep.clock import after, now, stamp
from chatkeep.dynamodb.transaction import Transaction
from chatkeep.errors import SessionChangedError, SessionDeletedError, SessionNotDeletedError
from chatkeep.idempotency import AlreadyAnsweredError, Claim, recall, remember
from chatkeep.models.deletion import DeletionKind
from chatkeep.models.session import Session, Status
from chatkeep.retrying import attempts
from chatkeep.sessions import counts, timers
from chatkeep.sessions.activity import MovedError, idle, touch, unmoved, until_unmoved
from chatkeep.sessions.views import SessionView, view

ATTEMPTS = 8


def delete(user_id: str, session_id: str, retention: timedelta) -> Session:
    """Mark the session deleted, to be purged after `retention`, a temporary one after its day; then it stays as it is.

    Raises SessionNotFoundError, SessionChangedError.
    """
    try:
        return until_unmoved(user_id, session_id, lambda session, at: _delete(session, at, retention))
    except SessionDeletedError:
        return sessions.get(user_id, session_id)


def restore(user_id: str, session_id: str, claim: Claim | None = None) -> SessionView:
    """Undo a soft delete; a repetition of `claim` gets the session as it was then.

    Raises SessionNotFoundError, SessionNotDeletedError, SessionChangedError, IdempotencyKeyReusedError.
    """
    for _ in attempts(ATTEMPTS):
        session = sessions.header(user_id, session_id)  # one that is removed for good is in no answer either
        if claim and (known := recall(user_id, claim, SessionView)):
            return known
        if session.status is not Status.DELETED:
            raise SessionNotDeletedError()
        with suppress(MovedError, AlreadyAnsweredError):
            return _restore(session, claim)
    raise SessionChangedError()


def expire(session: Session, retention: timedelta) -> Session:
    """Delete a session softly whose time is over; `session` is its header.

    Raises MovedError where somebody has done anything with it since that was read.
    """
    only_if = unmoved(session) & idle(session)
    return _delete(session, after(session.updated_at, now()), retention, DeletionKind.EXPIRY, only_if)


def _delete(
    session: Session,
    at: str,
    retention: timedelta,
    reason: DeletionKind = DeletionKind.SESSION,
    only_if: Condition | None = None,
) -> Session:
    condition, before = unmoved(session) if only_if is None else only_if, session.status
    if session.is_temporary:
        retention = min(retention, timedelta(days=timers.TEMPORARY_DAYS))
    session.deleted_at = at
    session.purge_at = stamp(datetime.fromisoformat(at) + retention)
    moves, not_later = touch(session, at)
    with Transaction() as transaction:
        transaction.change(
            session,
            *moves,
            Session.deleted_at.set(session.deleted_at),
            Session.purge_at.set(session.purge_at),
            condition=condition & not_later,
            otherwise=MovedError(),
        )
        timers.set_timer(transaction, session, reason)
        counts.move(transaction, session.user_id, before, Status.DELETED)
    return sessions.get(session.user_id, session.session_id)


def _restore(session: Session, claim: Claim | None) -> SessionView:
    sessions.load_details([session])
    deleted_at, at = session.deleted_at, after(session.updated_at, now())
    session.deleted_at = session.purge_at = None
    session.updated_at = at
    session.place_in_list()
    place = [] if session.place is None else [Session.place.set(session.place)]
    as_read: Condition = (Session.deleted_at == deleted_at) & Session.deletion_id.does_not_exist()
    restored = view(session)
    with Transaction() as transaction:
        transaction.change(
            session,
            *place,
            Session.updated_at.set(at),
            Session.deleted_at.remove(),
            Session.purge_at.remove(),
            condition=as_read,
            otherwise=MovedError(),
        )
        timers.set_timer(transaction, session)
        counts.move(transaction, session.user_id, Status.DELETED, session.status)
        if claim:
            remember(transaction, session.user_id, claim, restored, session.session_id)
    return restored
