"""Bodies of the routes of deletions for good."""

from typing import Annotated, Any, Literal, Self, cast

from pydantic import BaseModel, Field

from chatkeep.formats import Id, Instant, SessionId
from chatkeep.models.deletion import Deletion, Removal
from functions.sessions.schemas.body import Body


class Confirmation(Body):
    """The word of a user who wants to be erased."""

    confirm: Annotated[str, Field(description="The caller's own `sub`, so that nobody is erased by mistake")]


class Removed(BaseModel):
    """What a deletion has found and removed, or will have when it is done."""

    checkpoint_items: int = Field(description="Items of LangGraph threads")
    messages: int = Field(description="Messages of transcripts")
    turns: int = Field(description="Records of turns")
    events: int = Field(description="Stored pieces of turns' streams, of about a second each")
    attachments: int = Field(default=0, description="Attached files")
    sessions: int = Field(description="Sessions")


class DeletionView(BaseModel):
    """The receipt of a deletion for good."""

    deletion_id: Id = Field(description="Identifies the deletion")
    kind: Literal["session", "expiry", "user"] = Field(
        description="Of a session, by its user or by its age, or of a user"
    )
    session_id: SessionId | None = Field(description="The session; null for a user")
    status: Literal["pending", "running", "done"] = Field(description="Whether all of it is removed")
    requested_at: Instant = Field(description="When it was asked for, and from when on it could not be read")
    finished_at: Instant | None = Field(description="When all of it was removed; null until then")
    removed: Removed = Field(description="What was removed")

    @classmethod
    def of(cls, job: Removal) -> Self:
        counted = ("checkpoint_items", "messages", "turns", "events", "sessions")
        numbers = {name: int(getattr(job, name)) for name in counted}
        return cls(
            deletion_id=job.deletion_id,
            kind=cast("Any", job.kind),
            session_id=(job.shown_id or job.session_id) if isinstance(job, Deletion) else None,
            status=cast("Any", job.status),
            requested_at=job.requested_at,
            finished_at=job.finished_at,
            removed=Removed(**numbers),
        )


class DeletionPage(BaseModel):
    """Some of the caller's receipts, newest first."""

    deletions: list[DeletionView] = Field(description="As many as were asked for", json_schema_extra={"maxItems": 100})
    next_cursor: str | None = Field(description="The `cursor` of the next page; null on the last one")
