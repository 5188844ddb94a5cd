"""Bodies of the routes of feedback and models."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from chatkeep.http.turns import VALID


class ModelView(BaseModel):
    """A model that a session may name. Prices are those of the provider's list, before any agreement with it."""

    model_config = ConfigDict(protected_namespaces=())

    model_name: str = Field(description="What a session names it by, `provider:model`")
    provider: str = Field(description="Who is called for it")
    context_tokens: int | None = Field(description="Tokens that it reads at most; null when unknown")
    input_price: float | None = Field(description="US dollars per million tokens read; null when unknown")
    output_price: float | None = Field(description="US dollars per million tokens written; null when unknown")
    vision: bool | None = Field(description="Whether it reads images; null when unknown")
    tools: bool | None = Field(description="Whether it calls tools; null when unknown")


class NewFeedback(BaseModel):
    """The user's rating of an answer; it replaces an earlier one."""

    model_config = ConfigDict(extra="forbid")

    rating: Literal["thumbs_up", "thumbs_down"] = Field(description="The user's verdict")
    comment: Annotated[str, Field(max_length=5_000, strict=True), VALID] | None = Field(
        default=None, description="The user's words, if any"
    )
    reason: Annotated[str, Field(min_length=1, max_length=100, strict=True), VALID] | None = Field(
        default=None, description="The client's word for why, to count by, as `incorrect`"
    )
