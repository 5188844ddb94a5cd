"""How a session comes to be, changes and is deleted."""

from datetime import datetime, timedelta
from typing import Any

from pynamodb.attributes import Attribute
from pynamodb.expressions.update import Action

from chatkeep import ids, sessions
from chatkeep.clock import now, stamp
from chatkeep.dynamodb.transaction import Transaction, update_if
from chatkeep.errors import SessionDeletedError
from chatkeep.http.caller import Claim
from chatkeep.idempotency import AlreadyAnsweredError, recall, remember
from chatkeep.models.session import LONG, Details, Session, Status
from chatkeep.models.totals import Totals
from chatkeep.sessions.activity import MovedError, touch, unmoved, until_unmoved
from functions.sessions import placing, preferences
from functions.sessions.schemas import NewSession
from functions.sessions.session_view import SessionView, view
from functions.sessions.settings import settings

COUNTS: dict[Status, Attribute[float]] = {
    Status.ACTIVE: Totals.active_sessions,
    Status.ARCHIVED: Totals.archived_sessions,
    Status.DELETED: Totals.deleted_sessions,
}


def create(user_id: str, new: NewSession, claim: Claim | None) -> SessionView:
    """Create a session; a repetition of `claim` gets the session it created, as it was then.

    Raises IdempotencyKeyReusedError, ModelNotSupportedError.
    """
    if new.model_name is not None:
        settings().allowed_models.check(new.model_name)
    session = _new_session(user_id, new)
    created = view(session)
    long = placing.apart({name: getattr(session, name) for name in LONG})
    for name in long:
        setattr(session, name, None)
    try:
        with Transaction() as transaction:
            # A fresh id exists only where this very transaction was carried out and its answer lost.
            transaction.put(session, condition=Session.sk.does_not_exist(), otherwise=FileExistsError())
            if long:
                transaction.put(Details(user_id, session.session_id, **long))
            transaction.change(Totals.of(user_id), Totals.active_sessions.add(1))
            if claim:
                remember(transaction, user_id, claim, created)
    except AlreadyAnsweredError:
        # Where there is none any more, it has expired this very moment.
        return (claim and recall(user_id, claim, SessionView)) or create(user_id, new, claim)
    except FileExistsError:
        pass
    return created


def update(user_id: str, session_id: str, changes: dict[str, Any]) -> Session:
    """Set the given fields and no others; two callers who set different fields both succeed.

    Raises SessionNotFoundError, SessionDeletedError, SessionChangedError, ModelNotSupportedError.
    """
    if "model_name" in changes:
        settings().allowed_models.check(changes["model_name"])
    return until_unmoved(user_id, session_id, lambda session, at: _apply(session, at, changes))


def soft_delete(user_id: str, session_id: str) -> Session:
    """Mark the session deleted, to be purged after the retention; once deleted it stays as it is.

    Raises SessionNotFoundError, SessionChangedError.
    """
    try:
        return until_unmoved(user_id, session_id, _delete)
    except SessionDeletedError:
        return sessions.get(user_id, session_id)


def _new_session(user_id: str, new: NewSession) -> Session:
    chosen = preferences.get(user_id)
    settings_of_new = {
        "model_name": chosen.default_model,
        "temperature": chosen.default_temperature,
        "max_tokens": chosen.default_max_tokens,
        "enable_summarization": chosen.enable_auto_summarization,
        "custom_system_prompt": chosen.custom_system_prompt,
        "metadata": new.metadata,
        "model_options": new.model_options,
        "title": new.title,
        "is_pinned": new.is_pinned,
    } | new.given()
    created_at = stamp(now())
    session = Session(
        user_id, ids.new(), created_at=created_at, updated_at=created_at, is_archived=False, **settings_of_new
    )
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


def _delete(session: Session, at: str) -> Session:
    condition, before = unmoved(session), session.status
    session.deleted_at = at
    session.purge_at = stamp(datetime.fromisoformat(at) + timedelta(days=settings().retention_days))
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
        transaction.change(Totals.of(user_id), COUNTS[before].add(-1), COUNTS[after].add(1))


def _assignments(values: dict[str, Any], model: type[Session | Details] = Session) -> list[Action]:
    attributes = {name: getattr(model, name) for name in values}
    return [
        attributes[name].remove() if value is None else attributes[name].set(value) for name, value in values.items()
    ]
