"""Sessions, as every function reads them."""

from collections.abc import Sequence
from typing import Any, Literal

from pydantic import BaseModel

from chatkeep import ids, money
from chatkeep.errors import SessionArchivedError, SessionDeletedError, SessionNotFoundError
from chatkeep.models.session import LONG, Details, Session, Status


class SessionView(BaseModel):
    """A session as the API shows it; `total_cost` is in US dollars, times are ISO 8601 in UTC."""

    session_id: str
    title: str
    model_name: str
    temperature: float
    max_tokens: int
    enable_summarization: bool
    custom_system_prompt: str
    metadata: dict[str, Any]
    model_options: dict[str, Any]
    status: Literal["active", "archived", "deleted"]
    is_active: bool
    is_archived: bool
    is_pinned: bool
    created_at: str
    updated_at: str
    last_message_at: str | None
    purge_at: str | None
    message_count: int
    total_tokens_used: int
    total_cost: float


def get(user_id: str, session_id: str) -> Session:
    """The session with its details, read consistently. Raises SessionNotFoundError, for another user's session too."""
    session = header(user_id, session_id)
    load_details([session])
    return session


def header(user_id: str, session_id: str) -> Session:
    """The session as its header has it: what is long is None. Raises SessionNotFoundError."""
    if not ids.is_id(session_id):
        raise SessionNotFoundError(session_id)
    key = Session(user_id, session_id)
    try:
        return Session.get(key.pk, key.sk, consistent_read=True)
    except Session.DoesNotExist:
        raise SessionNotFoundError(session_id) from None


def existing(user_id: str, session_id: str) -> Session:
    """The header of a session that is not deleted. Raises SessionNotFoundError, SessionDeletedError."""
    session = header(user_id, session_id)
    if session.status is Status.DELETED:
        raise SessionDeletedError(session_id)
    return session


def ready(user_id: str, session_id: str) -> Session:
    """The header of a session that takes turns. Raises as `existing` does, and SessionArchivedError."""
    session = existing(user_id, session_id)
    if session.status is Status.ARCHIVED:
        raise SessionArchivedError(session_id)
    return session


def load_details(sessions: list[Session], names: Sequence[str] = LONG) -> None:
    """Fill in what is too long for the headers, in one batch; costs nothing where nothing of these `names` is."""
    missing = {
        Details(one.user_id, one.session_id).pk: one
        for one in sessions
        if any(getattr(one, name) is None for name in names)
    }
    keys = [(pk, "DETAILS") for pk in missing]
    for details in Details.batch_get(keys, consistent_read=True) if keys else ():
        session = missing[details.pk]
        for name in LONG:
            if getattr(session, name) is None:
                setattr(session, name, getattr(details, name))


def view(session: Session) -> SessionView:
    """`session` as the API shows it; its details must be loaded."""
    return SessionView(
        session_id=session.session_id,
        title=session.title,
        model_name=session.model_name,
        temperature=session.temperature,
        max_tokens=int(session.max_tokens),
        enable_summarization=session.enable_summarization,
        custom_system_prompt=session.custom_system_prompt or "",
        metadata=session.metadata or {},
        model_options=session.model_options or {},
        status=session.status.value,
        is_active=session.status is Status.ACTIVE,
        is_archived=session.is_archived,
        is_pinned=session.is_pinned,
        created_at=session.created_at,
        updated_at=session.updated_at,
        last_message_at=session.last_message_at,
        purge_at=session.purge_at,
        message_count=int(session.message_count),
        total_tokens_used=int(session.total_tokens),
        total_cost=money.dollars(int(session.total_cost)),
    )
