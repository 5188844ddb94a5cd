"""Changing the settings and the state of a session."""

from typing import Any

from pynamodb.expressions.update import Action

from chatkeep import sessions
from chatkeep.dynamodb.transaction import Transaction, update_if
from chatkeep.errors import FieldProblem, InvalidFieldError
from chatkeep.models.details import Details
from chatkeep.models.session import Session
from chatkeep.sessions import counts, placing, timers
from chatkeep.sessions.activity import MovedError, touch, unmoved, until_unmoved


def change(user_id: str, session_id: str, changes: dict[str, Any]) -> Session:
    """Set the given fields and no others; two callers who set different fields both succeed.

    Raises SessionNotFoundError, SessionDeletedError, SessionChangedError, and InvalidFieldError for a temporary session
    that is to expire otherwise.
    """
    return until_unmoved(user_id, session_id, lambda session, at: _apply(session, at, changes))


def _apply(session: Session, at: str, changes: dict[str, Any]) -> Session:
    if session.is_temporary and "expire_after_days" in changes:
        raise InvalidFieldError(FieldProblem("expire_after_days", timers.OF_TEMPORARY))
    condition, before = unmoved(session), session.status
    details = placing.apart(changes, placing.room_in(session, changes))
    session.is_pinned = changes.get("is_pinned", session.is_pinned)
    session.is_archived = changes.get("is_archived", session.is_archived)
    moves, not_later = touch(session, at)
    condition &= not_later
    actions = [*moves, *_assignments({**changes, **dict.fromkeys(details)})]
    if "title" in changes:  # whatever it is, nothing replaces it
        actions.append(Session.wants_title.remove())
    if details or session.status is not before or "expire_after_days" in changes:
        with Transaction() as transaction:
            transaction.change(session, *actions, condition=condition, otherwise=MovedError())
            if details:
                transaction.change(Details(session.user_id, session.session_id), *_assignments(details, Details))
            if "expire_after_days" in changes:
                session.expire_after_days = changes["expire_after_days"]
                session.updated_at = max(session.updated_at, at)
                timers.set_timer(transaction, session)
            counts.move(transaction, session.user_id, before, session.status)
        return sessions.get(session.user_id, session.session_id)
    if not update_if(session, actions, condition):
        raise MovedError
    sessions.load_details([session])
    return session


def _assignments(values: dict[str, Any], model: type[Session | Details] = Session) -> list[Action]:
    attributes = {name: getattr(model, name) for name in values}
    return [
        attributes[name].remove() if value is None else attributes[name].set(value) for name, value in values.items()
    ]
