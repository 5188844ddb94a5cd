"""Bodies of the routes of preferences."""

from pydantic import BaseModel, Field

from functions.sessions.schemas.body import Body
from functions.sessions.schemas.fields import (
    ExpireAfterDays,
    GeneratedTitles,
    MaxTokens,
    ModelName,
    Summarization,
    SystemPrompt,
    Temperature,
)


class NewPreferences(Body):
    """A field that is left out falls back to the deployment's default."""

    nullable = frozenset({"default_expire_after_days"})
    default_model: ModelName | None = None
    default_temperature: Temperature | None = None
    default_max_tokens: MaxTokens | None = None
    enable_auto_summarization: Summarization | None = None
    custom_system_prompt: SystemPrompt | None = None
    default_expire_after_days: ExpireAfterDays | None = None
    generate_titles: GeneratedTitles | None = None


class PreferencesView(BaseModel):
    """The settings that new sessions start with: the caller's choices over the deployment's defaults."""

    default_model: str = Field(description="The model that answers, as `provider:model`")
    default_temperature: float = Field(description="How freely the model chooses its words")
    default_max_tokens: int = Field(description="The most tokens of one answer")
    enable_auto_summarization: bool = Field(description="Whether an agent may summarize long conversations")
    custom_system_prompt: str = Field(description="What the model is told before the conversation; empty for nothing")
    default_expire_after_days: int | None = Field(
        description="Days without a change after which new sessions are deleted; null for never"
    )
    generate_titles: bool = Field(description="Whether the model names sessions that have no title of their own")
