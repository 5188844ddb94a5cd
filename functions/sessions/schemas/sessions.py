"""Bodies of the routes of sessions."""

from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from chatkeep.errors import FieldProblem, InvalidFieldError
from chatkeep.formats import Id
from chatkeep.models.session import OnOverflow
from chatkeep.sessions.preferences import TITLE
from chatkeep.sessions.timers import OF_TEMPORARY
from chatkeep.sessions.views import SessionView
from functions.sessions.schemas.body import Body, not_empty, without_null
from functions.sessions.schemas.fields import (
    Archived,
    AtOverflow,
    ChosenId,
    ExpireAfterDays,
    MaxTokens,
    Metadata,
    ModelName,
    ModelOptions,
    Pinned,
    Summarization,
    SystemPrompt,
    Tags,
    Temperature,
    Temporary,
    Title,
)


def _a_day_or_days(schema: dict[str, Any], body: type["Body"]) -> None:
    """The same of a body that is not both temporary and with days of its own."""
    without_null(schema, body)
    schema["not"] = {"properties": {"is_temporary": {"const": True}}, "required": ["is_temporary", "expire_after_days"]}


class NewSession(Body):
    """A field that is left out comes from the caller's preferences."""

    nullable = frozenset({"expire_after_days"})
    model_config = ConfigDict(json_schema_extra=_a_day_or_days)

    session_id: ChosenId | None = None
    title: Title = TITLE
    model_name: ModelName | None = None
    temperature: Temperature | None = None
    max_tokens: MaxTokens | None = None
    enable_summarization: Summarization | None = None
    on_overflow: AtOverflow = OnOverflow.REFUSE
    custom_system_prompt: SystemPrompt | None = None
    metadata: Metadata = Field(default_factory=dict)
    model_options: ModelOptions = Field(default_factory=dict)
    tags: Tags = Field(default_factory=list)
    is_pinned: Pinned = False
    is_temporary: Temporary = False
    expire_after_days: ExpireAfterDays | None = None

    @model_validator(mode="after")
    def _either(self) -> Self:
        if self.is_temporary and "expire_after_days" in self.model_fields_set:
            raise InvalidFieldError(FieldProblem("expire_after_days", OF_TEMPORARY))
        return self


class SessionChanges(Body):
    """All that can be changed of a session, and nothing else; at least one field."""

    nullable = frozenset({"expire_after_days"})
    model_config = ConfigDict(json_schema_extra=not_empty)

    title: Title | None = None
    model_name: ModelName | None = None
    temperature: Temperature | None = None
    max_tokens: MaxTokens | None = None
    enable_summarization: Summarization | None = None
    on_overflow: AtOverflow | None = None
    custom_system_prompt: SystemPrompt | None = None
    metadata: Metadata | None = None
    model_options: ModelOptions | None = None
    tags: Tags | None = None
    expire_after_days: ExpireAfterDays | None = None
    is_pinned: Pinned | None = None
    is_archived: Archived | None = None

    @model_validator(mode="after")
    def _something(self) -> Self:
        if not self.model_fields_set:
            raise ValueError("give at least one field to change")
        return self


class SessionPage(BaseModel):
    """Some of the caller's sessions: pinned ones first, then the newest."""

    sessions: list[SessionView] = Field(
        description="As many as were asked for, or as fit into an answer", json_schema_extra={"maxItems": 100}
    )
    next_cursor: str | None = Field(description="The `cursor` of the next page; null on the last one")


class ThreadView(BaseModel):
    """The thread, and the model that answers it."""

    thread_id: Id = Field(description="The LangGraph thread: the id under which the session is stored")
    user_id: str = Field(description="The session's owner")
    model_name: str = Field(description="The model that answers, as `provider:model`")
    temperature: float = Field(description="How freely the model chooses its words")
    max_tokens: int = Field(description="The most tokens of one answer")


class ThreadConfig(BaseModel):
    """The configuration that a LangGraph client passes to continue the session's thread."""

    configurable: ThreadView = Field(description="The `configurable` of a LangGraph configuration")
