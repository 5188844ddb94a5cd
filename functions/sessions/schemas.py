"""Bodies of the sessions routes."""

import json
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, field_validator, model_validator

from chatkeep import money
from chatkeep.formats import Id
from chatkeep.messages import MessageView
from chatkeep.models.turn import Turn
from chatkeep.sessions.views import SessionView

LONGEST_PROMPT_BYTES = 32 * 1024
LONGEST_METADATA_BYTES = 16 * 1024
LONGEST_OPTIONS_BYTES = 4 * 1024
DEEPEST_METADATA = 32
"""Levels of objects and arrays: every JSON library must be able to read stored metadata, ours included."""
COOLEST = 1e-6
NULL_ALONE = {
    "audio", "function_call", "functions", "input", "max_tokens", "modalities", "n",
    "service_tier", "stream_options", "temperature", "tool_choice", "tools", "web_search_options",
}  # fmt: skip
"""Options that the session's own fields or its graph set, or whose price nobody knows: they can only be left out."""
NEVER = {"messages", "model"}
"""Options without which there is no request."""
MOST_MESSAGES = 1_000_000
MOST_TOKENS = 1_000_000_000_000
MOST_DOLLARS = 1_000_000


def encoded(text: str) -> bytes:
    """UTF-8; raises ValueError for a lone surrogate, which no storage keeps."""
    try:
        return text.encode()
    except UnicodeEncodeError:
        raise ValueError("is not valid Unicode") from None


def _short_prompt(prompt: str) -> str:
    if len(encoded(prompt)) > LONGEST_PROMPT_BYTES:
        raise ValueError(f"must be at most {LONGEST_PROMPT_BYTES} bytes of UTF-8")
    return prompt


def _small_metadata(metadata: dict[str, Any]) -> dict[str, Any]:
    return _small_object(metadata, LONGEST_METADATA_BYTES)


def _small_options(options: dict[str, Any]) -> dict[str, Any]:
    for name in sorted(NEVER & options.keys()):
        raise ValueError(f"{name} cannot be set here")
    for name in sorted(NULL_ALONE & options.keys()):
        if options[name] is not None:
            raise ValueError(f"{name} can only be null here, so that it is not sent")
    if options.get("stream") not in (None, False):
        raise ValueError("stream can only be false here, for endpoints that cannot")
    if options.get("system_role") not in (None, "system", "developer", "user"):
        raise ValueError("system_role must be system, developer or user")
    if options.get("max_tokens_field") not in (None, "max_tokens", "max_completion_tokens"):
        raise ValueError("max_tokens_field must be max_tokens or max_completion_tokens")
    return _small_object(options, LONGEST_OPTIONS_BYTES)


def _small_object(value: dict[str, Any], most_bytes: int) -> dict[str, Any]:
    level: list[Any] = [value]
    for _ in range(DEEPEST_METADATA):
        level = [inner for one in level for inner in (one.values() if isinstance(one, dict) else one)]
        level = [one for one in level if isinstance(one, dict | list)]
    if level:
        raise ValueError(f"must be nested at most {DEEPEST_METADATA} levels deep")
    if len(encoded(json.dumps(value, ensure_ascii=False, allow_nan=False))) > most_bytes:
        raise ValueError(f"must be at most {most_bytes} bytes of JSON")
    return value


def _storable(temperature: float) -> float:
    if 0 < temperature < COOLEST:  # DynamoDB refuses a number under 1e-130
        raise ValueError(f"must be 0 or at least {COOLEST:f}")
    return temperature + 0.0  # -0.0 comes back from the table as 0


def _object_of(most_bytes: int) -> dict[str, Any]:
    """The limits of an object that no keyword of JSON Schema says, for the OpenAPI document."""
    return {"x-max-bytes": most_bytes, "x-max-depth": DEEPEST_METADATA}


Title = Annotated[str, Field(min_length=1, max_length=200, description="What lists show")]
ModelName = Annotated[
    str, Field(min_length=1, max_length=200, description="The model that answers, as `provider:model`")
]
Temperature = Annotated[
    float,
    Field(ge=0, le=2, description="How freely the model chooses its words: 0, or at least 0.000001"),
    AfterValidator(_storable),
]
MaxTokens = Annotated[int, Field(ge=1, le=200_000, description="The most tokens of one answer")]
Summarization = Annotated[bool, Field(description="Whether the session's agent may summarize long conversations")]
SystemPrompt = Annotated[
    str,
    Field(
        description=f"What the model is told before the conversation: at most {LONGEST_PROMPT_BYTES:,} bytes of UTF-8",
        json_schema_extra={"maxLength": LONGEST_PROMPT_BYTES, "x-max-bytes": LONGEST_PROMPT_BYTES},
    ),
    AfterValidator(_short_prompt),
]
Metadata = Annotated[
    dict[str, Any],
    Field(
        description=f"The client's own data: at most {LONGEST_METADATA_BYTES:,} bytes of JSON, "
        f"{DEEPEST_METADATA} levels deep",
        json_schema_extra=_object_of(LONGEST_METADATA_BYTES),
    ),
    AfterValidator(_small_metadata),
]
ModelOptions = Annotated[
    dict[str, Any],
    Field(
        description="Further fields of the request to the model, or null for one not to send: at most "
        f"{LONGEST_OPTIONS_BYTES:,} bytes of JSON, {DEEPEST_METADATA} levels deep. Neither `messages` nor `model`, and "
        "what the session or the graph sets only as null.",
        json_schema_extra={**_object_of(LONGEST_OPTIONS_BYTES), "propertyNames": {"not": {"enum": sorted(NEVER)}}},
    ),
    AfterValidator(_small_options),
]
Pinned = Annotated[bool, Field(description="Whether lists show the session before those that are not pinned")]
Archived = Annotated[bool, Field(description="Whether the session is put away: it can be read but takes no turns")]


def _without_null(schema: dict[str, Any]) -> None:
    """Have the OpenAPI document say that None stands for a field that was left out, and is no value."""
    for field in schema["properties"].values():
        for kind in field.pop("anyOf", []):
            if kind != {"type": "null"}:
                field |= kind


def _not_empty(schema: dict[str, Any]) -> None:
    """The same of a body that needs at least one field."""
    _without_null(schema)
    schema["minProperties"] = 1


class Body(BaseModel):
    """A body whose fields may be left out but not be null, and which knows no others."""

    model_config = ConfigDict(strict=True, extra="forbid", allow_inf_nan=False, json_schema_extra=_without_null)

    @field_validator("*", mode="before")
    @classmethod
    def _not_null(cls, value: Any) -> Any:
        if value is None:
            raise ValueError("must not be null")
        return value

    def given(self) -> dict[str, Any]:
        """The fields that the caller gave, an explicit 0, false or "" among them."""
        return {name: getattr(self, name) for name in self.model_fields_set}


class NewSession(Body):
    """A field that is left out comes from the caller's preferences."""

    title: Title = "New Conversation"
    model_name: ModelName | None = None
    temperature: Temperature | None = None
    max_tokens: MaxTokens | None = None
    enable_summarization: Summarization | None = None
    custom_system_prompt: SystemPrompt | None = None
    metadata: Metadata = Field(default_factory=dict)
    model_options: ModelOptions = Field(default_factory=dict)
    is_pinned: Pinned = False


class SessionChanges(Body):
    """All that can be changed of a session, and nothing else; at least one field."""

    model_config = ConfigDict(json_schema_extra=_not_empty)

    title: Title | None = None
    model_name: ModelName | None = None
    temperature: Temperature | None = None
    max_tokens: MaxTokens | None = None
    enable_summarization: Summarization | None = None
    custom_system_prompt: SystemPrompt | None = None
    metadata: Metadata | None = None
    model_options: ModelOptions | None = None
    is_pinned: Pinned | None = None
    is_archived: Archived | None = None

    @model_validator(mode="after")
    def _something(self) -> Self:
        if not self.model_fields_set:
            raise ValueError("give at least one field to change")
        return self


class NewPreferences(Body):
    """A field that is left out falls back to the deployment's default."""

    default_model: ModelName | None = None
    default_temperature: Temperature | None = None
    default_max_tokens: MaxTokens | None = None
    enable_auto_summarization: Summarization | None = None
    custom_system_prompt: SystemPrompt | None = None


class PreferencesView(BaseModel):
    """The settings that new sessions start with: the caller's choices over the deployment's defaults."""

    default_model: str = Field(description="The model that answers, as `provider:model`")
    default_temperature: float = Field(description="How freely the model chooses its words")
    default_max_tokens: int = Field(description="The most tokens of one answer")
    enable_auto_summarization: bool = Field(description="Whether an agent may summarize long conversations")
    custom_system_prompt: str = Field(description="What the model is told before the conversation; empty for nothing")


class NewUsage(Body):
    """The usage of an agent that runs elsewhere, at least one field; `cost` is kept to the nearest micro-dollar."""

    model_config = ConfigDict(json_schema_extra=_not_empty)

    message_count: Annotated[int, Field(ge=0, le=MOST_MESSAGES, description="Messages to count")] = 0
    tokens_used: Annotated[int, Field(ge=0, le=MOST_TOKENS, description="Tokens, counted as input")] = 0
    cost: Annotated[float, Field(ge=0, le=MOST_DOLLARS, description="US dollars")] = 0

    @model_validator(mode="after")
    def _something(self) -> Self:
        if not self.model_fields_set:
            raise ValueError("give at least one of message_count, tokens_used and cost")
        return self


class UsageRecordView(BaseModel):
    """The usage that was added, as it was recorded."""

    turn_id: Id = Field(description="Identifies the record")
    message_count: int = Field(description="Messages that were counted")
    tokens_used: int = Field(description="Tokens that were added")
    cost: float = Field(description="US dollars that were added, to the micro-dollar")

    @classmethod
    def of(cls, turn: Turn) -> Self:
        return cls(
            turn_id=turn.turn_id,
            message_count=int(turn.messages),
            tokens_used=int(turn.input_tokens),
            cost=money.dollars(int(turn.cost)),
        )


class CancelView(BaseModel):
    """The turn that was asked to stop; its own request answers with its words until then."""

    turn_id: Id = Field(description="The turn that was running")
    status: Literal["cancelling"] = Field(default="cancelling", description="It stops within a second")


class SessionPage(BaseModel):
    """Some of the caller's sessions: pinned ones first, then the newest."""

    sessions: list[SessionView] = Field(
        description="As many as were asked for, or as fit into an answer", json_schema_extra={"maxItems": 100}
    )
    next_cursor: str | None = Field(description="The `cursor` of the next page; null on the last one")


class MessagePage(BaseModel):
    """Some of a session's transcript."""

    messages: list[MessageView] = Field(
        description="As many as were asked for, or as fit into an answer", json_schema_extra={"maxItems": 200}
    )
    next_cursor: str | None = Field(description="The `cursor` of the next page; null on the last one")


class ThreadView(BaseModel):
    """The thread, and the model that answers it."""

    thread_id: Id = Field(description="The LangGraph thread: the session's id")
    user_id: str = Field(description="The session's owner")
    model_name: str = Field(description="The model that answers, as `provider:model`")
    temperature: float = Field(description="How freely the model chooses its words")
    max_tokens: int = Field(description="The most tokens of one answer")


class ThreadConfig(BaseModel):
    """The configuration that a LangGraph client passes to continue the session's thread."""

    configurable: ThreadView = Field(description="The `configurable` of a LangGraph configuration")
