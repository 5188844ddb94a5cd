"""A session as the API shows it."""

from typing import Any, Literal

from pydantic import BaseModel, Field

from chatkeep import money
from chatkeep.formats import Id, Instant, SessionId
from chatkeep.models.session import OnOverflow, Session, Status


class SessionView(BaseModel):
    """A session as the API shows it; `total_cost` is in US dollars, times are ISO 8601 in UTC."""

    session_id: SessionId = Field(description="Identifies the session to its user: as the client chose, else a UUID")
    title: str = Field(description="What lists show")
    model_name: str = Field(description="The model that answers, as `provider:model`")
    temperature: float = Field(description="How freely the model chooses its words")
    max_tokens: int = Field(description="The most tokens of one answer")
    enable_summarization: bool = Field(
        description="Whether older messages are summarized for the model, before its context is full"
    )
    on_overflow: Literal["summarize", "trim", "refuse"] = Field(
        description="What is done with a conversation that its model cannot read whole any more"
    )
    custom_system_prompt: str = Field(description="What the model is told before the conversation; empty for nothing")
    metadata: dict[str, Any] = Field(description="The client's own data, kept as it was sent")
    model_options: dict[str, Any] = Field(description="Further fields of the request to the model")
    tags: list[str] = Field(description="The session's tags, each once", json_schema_extra={"maxItems": 20})
    status: Literal["active", "archived", "deleted"] = Field(description="Only an active session takes turns")
    is_active: bool = Field(description="Whether `status` is `active`")
    is_archived: bool = Field(description="Whether the session was archived, which a deleted one may have been too")
    is_pinned: bool = Field(description="Whether lists show the session before those that are not pinned")
    is_temporary: bool = Field(description="Whether no list shows it, and a day without a change ends it for good")
    expire_after_days: int | None = Field(description="Days without a change after which it is deleted; null for never")
    created_at: Instant = Field(description="When the session was created")
    updated_at: Instant = Field(description="When the session, or its transcript, last changed; lists are in its order")
    last_message_at: Instant | None = Field(description="When the last turn was stored; null before the first")
    purge_at: Instant | None = Field(description="When a deleted session may be removed for good; null unless deleted")
    message_count: int = Field(description="Messages of all turns and branches, those of reported usage included")
    total_tokens_used: int = Field(description="Input and output tokens of all turns")
    total_cost: float = Field(description="US dollars of all turns; calls without a known price count as nothing")


class ShownSessionView(SessionView):
    """One session, with the turn that runs on it."""

    running_turn_id: Id | None = Field(description="The turn that runs now, to stream or to cancel; null without one")


def view(session: Session) -> SessionView:
    """`session` as the API shows it; its details must be loaded."""
    return SessionView(
        session_id=session.shown_id,
        title=session.title,
        model_name=session.model_name,
        temperature=session.temperature,
        max_tokens=int(session.max_tokens),
        enable_summarization=session.enable_summarization,
        on_overflow=OnOverflow(session.on_overflow or OnOverflow.REFUSE).value,
        custom_system_prompt=session.custom_system_prompt or "",
        metadata=session.metadata or {},
        model_options=session.model_options or {},
        tags=session.tags or [],
        status=session.status.value,
        is_active=session.status is Status.ACTIVE,
        is_archived=session.is_archived,
        is_pinned=session.is_pinned,
        is_temporary=bool(session.is_temporary),
        expire_after_days=None if session.expire_after_days is None else int(session.expire_after_days),
        created_at=session.created_at,
        updated_at=session.updated_at,
        last_message_at=session.last_message_at,
        purge_at=session.purge_at,
        message_count=int(session.message_count),
        total_tokens_used=int(session.total_tokens),
        total_cost=money.dollars(int(session.total_cost)),
    )
