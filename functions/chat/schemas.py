"""Bodies of the routes of feedback."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from chatkeep.http.turns import VALID


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
