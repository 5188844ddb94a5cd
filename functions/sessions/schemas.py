"""Bodies of the sessions routes."""

import json
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, field_validator, model_validator

from chatkeep.messages import MessageView
from chatkeep.sessions import SessionView

LONGEST_PROMPT_BYTES = 32 * 1024
LONGEST_METADATA_BYTES = 16 * 1024
LONGEST_OPTIONS_BYTES = 4 * 1024
DEEPEST_METADATA = 32
"""Levels of objects and arrays: what is stored must be readable by every JSON library, ours included."""
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


Title = Annotated[str, Field(min_length=1, max_length=200)]
ModelName = Annotated[str, Field(min_length=1, max_length=200)]
Temperature = Annotated[float, Field(ge=0, le=2), AfterValidator(_storable)]
MaxTokens = Annotated[int, Field(ge=1, le=200_000)]
SystemPrompt = Annotated[str, AfterValidator(_short_prompt)]
Metadata = Annotated[dict[str, Any], AfterValidator(_small_metadata)]
ModelOptions = Annotated[dict[str, Any], AfterValidator(_small_options)]


def _without_null(schema: dict[str, Any]) -> None:
    """Have the OpenAPI document say that None stands for a field that was left out, and is no value."""
    for field in schema["properties"].values():
        for kind in field.pop("anyOf", []):
            if kind != {"type": "null"}:
                field |= kind


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
    enable_summarization: bool | None = None
    custom_system_prompt: SystemPrompt | None = None
    metadata: Metadata = Field(default_factory=dict)
    model_options: ModelOptions = Field(default_factory=dict)
    is_pinned: bool = False


class SessionChanges(Body):
    """All that can be changed of a session, and nothing else."""

    title: Title | None = None
    model_name: ModelName | None = None
    temperature: Temperature | None = None
    max_tokens: MaxTokens | None = None
    enable_summarization: bool | None = None
    custom_system_prompt: SystemPrompt | None = None
    metadata: Metadata | None = None
    model_options: ModelOptions | None = None
    is_pinned: bool | None = None
    is_archived: bool | None = None

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
    enable_auto_summarization: bool | None = None
    custom_system_prompt: SystemPrompt | None = None


class PreferencesView(BaseModel):
    default_model: str
    default_temperature: float
    default_max_tokens: int
    enable_auto_summarization: bool
    custom_system_prompt: str


class NewUsage(Body):
    """What an agent that runs elsewhere used; `cost` in US dollars, kept to the nearest micro-dollar."""

    message_count: Annotated[int, Field(ge=0, le=MOST_MESSAGES)] = 0
    tokens_used: Annotated[int, Field(ge=0, le=MOST_TOKENS)] = 0
    cost: Annotated[float, Field(ge=0, le=MOST_DOLLARS)] = 0

    @model_validator(mode="after")
    def _something(self) -> Self:
        if not self.model_fields_set:
            raise ValueError("give at least one of message_count, tokens_used and cost")
        return self


class UsageRecordView(BaseModel):
    """What was added, as it was recorded."""

    turn_id: str
    message_count: int
    tokens_used: int
    cost: float


class CancelView(BaseModel):
    """The turn that was asked to stop; its own request answers with what it had."""

    turn_id: str
    status: Literal["cancelling"] = "cancelling"


class SessionPage(BaseModel):
    sessions: list[SessionView]
    next_cursor: str | None


class MessagePage(BaseModel):
    messages: list[MessageView]
    next_cursor: str | None


class ThreadView(BaseModel):
    thread_id: str
    user_id: str
    model_name: str
    temperature: float
    max_tokens: int


class ThreadConfig(BaseModel):
    """The configuration that a LangGraph client passes to continue the session's thread."""

    configurable: ThreadView
