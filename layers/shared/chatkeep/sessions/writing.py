"""Creating, changing and deleting a session."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from pynamodb.attributes import Attribute
from pynamodb.expressions.update import Action

from chatkeep import ids, sessions
from chatkeep.clock import now, stamp
from chatkeep.dynamodb.transaction import Transaction, update_if
from chatkeep.errors import SessionDeletedError
from chatkeep.idempotency import AlreadyAnsweredError, Claim, recall, remember
from chatkeep.models.details import Details
from chatkeep.models.session import LONG, Session, Status
from chatkeep.models.totals import Totals
from chatkeep.sessions import placing
from chatkeep.sessions.activity import MovedError, touch, unmoved, until_unmoved
from chatkeep.sessions.views import SessionView, view

COUNTS: dict[Status, Attribute[float]] = {
    Status.ACTIVE: Totals.active_sessions,
    Status.ARCHIVED: Totals.archived_sessions,
    Status.DELETED: Totals.deleted_sessions,
}


class _CreatedError(Exception):
    """This very transaction was carried out, and its answer lost: nobody else has the session's fresh id."""


def create(user_id: str, settings: Mapping[str, Any], claim: Claim | None) -> SessionView:
    """Create a session with these settings; a repetition of `claim` gets the session it created, as it was then.

    Raises IdempotencyKeyReusedError.
    """
    session = _new(user_id, settings)
    created = view(session)
    long = placing.apart({name: getattr(session, name) for name in LONG}, placing.room(user_id))
    for name in long:
        setattr(session, name, None)
    try:
        with Transaction() as transaction:
            transaction.put(session, condition=Session.sk.does_not_exist(), otherwise=_CreatedError())
            if long:
                transaction.put(Details(user_id, session.session_id, **long))
            transaction.change(Totals(user_id), Totals.active_sessions.add(1))
            if claim:
                remember(transaction, user_id, claim, created)
    except AlreadyAnsweredError:
        # Where there is none any more, it has expired this very moment.
        return (claim and recall(user_id, claim, SessionView)) or create(user_id, settings, claim)
    except _CreatedError:
        pass
    return created


def change(user_id: str, session_id: str, changes: dict[str, Any]) -> Session:
    """Set the given fields and no others; two callers who set different fields both succeed.

    Raises SessionNotFoundError, SessionDeletedError, SessionChangedError.
    """
    return until_unmoved(user_id, session_id, lambda session, at: _apply(session, at, changes))


def delete(user_id: str, session_id: str, retention: timedelta) -> Session:
    """Mark the session deleted, to be purged after `retention`; once deleted it stays as it is.

    Raises SessionNotFoundError, SessionChangedError.
    """
    try:
        return until_unmoved(user_id, session_id, lambda session, at: _delete(session, at, retention))
    except SessionDeletedError:
        return sessions.get(user_id, session_id)


def _new(user_id: str, settings: Mapping[str, Any]) -> Session:
    at = stamp(now())
    session = Session(user_id, ids.new(), created_at=at, updated_at=at, is_archived=False, **settings)
    session.place_in_list()
    return session


def _apply(session: Session, at: str, changes: dict[str, Any]) -> Session:
    condition, before = unmoved(session), session.status
    details = placing.apart(changes, placing.room_in(session, changes))
    session.is_pinned = changes.get("is_pinned", session.is_pinned)
    session.is_archived = changes.get("is_archived", session.is_archived)
    moves, not_later = touch(session, at)
    condition &= not_later
    actions = [*moves, *_assignments({**changes, **dict.fromkeys(details)})]
    if details or session.status is not before:
        with Transaction() as transaction:
            transaction.change(session, *actions, condition=condition, otherwise=MovedError())
            if details:
                transaction.change(Details(session.user_id, session.session_id), *_assignments(details, Details))
            _move_count(transaction, session.user_id, before, session.status)
        return sessions.get(session.user_id, session.session_id)
    if not update_if(session, actions, condition):
        raise MovedError
    sessions.load_details([session])
    return session


def _delete(session: Session, at: str, retention: timedelta) -> Session:
    condition, before = unmoved(session), session.status
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
        _move_count(transaction, session.user_id, before, Status.DELETED)
    return sessions.get(session.user_id, session.session_id)


def _move_count(transaction: Transaction, user_id: str, before: Status, after: Status) -> None:
    if before is not after:
        transaction.change(Totals(user_id), COUNTS[before].add(-1), COUNTS[after].add(1))


def _assignments(values: dict[str, Any], model: type[Session | Details] = Session) -> list[Action]:
    attributes = {name: getattr(model, name) for name in values}
    return [
        attributes[name].remove() if value is None else attributes[name].set(value) for name, value in values.items()
    ]
