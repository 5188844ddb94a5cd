"""Bodies of the stats routes; money in US dollars, times in milliseconds."""

from pydantic import BaseModel, Field

from chatkeep.formats import Day, Instant, SessionId
from chatkeep.models.day import MOST_MODELS


class SessionStats(BaseModel):
    """The usage of one session, and its user's ratings of the answers."""

    session_id: SessionId = Field(description="The session")
    title: str = Field(description="The session's title")
    created_at: Instant = Field(description="When the session was created")
    updated_at: Instant = Field(description="When the session, or its transcript, last changed")
    message_count: int = Field(description="Messages of all turns, those of reported usage included")
    total_tokens: int = Field(description="Input and output tokens of all turns")
    total_cost: float = Field(description="US dollars of all turns; calls without a known price count as nothing")
    avg_response_time_ms: float = Field(description="Milliseconds, the mean of the turns run here; 0 without any")
    feedback_count: int = Field(description="Answers that are rated")
    thumbs_up: int = Field(description="Answers rated `thumbs_up`")
    thumbs_down: int = Field(description="Answers rated `thumbs_down`")
    satisfaction_rate: float = Field(description="Percentage of `thumbs_up` among the ratings; 0 without any")


class UserStats(BaseModel):
    """The usage and ratings of all of the caller's sessions, the deleted ones that are not purged included."""

    user_id: str = Field(description="The caller: the token's `sub`")
    total_sessions: int = Field(description="Sessions in any status")
    active_sessions: int = Field(description="Sessions that take turns")
    archived_sessions: int = Field(description="Archived sessions")
    deleted_sessions: int = Field(description="Deleted sessions that are not purged")
    total_messages: int = Field(description="Messages of all turns, those of reported usage included")
    total_tokens: int = Field(description="Input and output tokens of all turns")
    total_cost: float = Field(description="US dollars of all turns; calls without a known price count as nothing")
    feedback_count: int = Field(description="Answers that are rated")
    thumbs_up: int = Field(description="Answers rated `thumbs_up`")
    thumbs_down: int = Field(description="Answers rated `thumbs_down`")
    satisfaction_rate: float = Field(description="Percentage of `thumbs_up` among the ratings; 0 without any")


class ModelStats(BaseModel):
    """The usage of one model on one day."""

    model_name: str | None = Field(
        description=(
            "The model that was asked, as sessions name it; null for reported usage, and for what is beyond "
            f"{MOST_MODELS} models on one day"
        )
    )
    calls: int = Field(description="Calls of the model, those of failed turns included")
    input_tokens: int = Field(description="Tokens that the model read; of null, reported tokens too")
    output_tokens: int = Field(description="Tokens that the model wrote")
    cost: float | None = Field(description="US dollars; null where the model has no known price")


class DayStats(BaseModel):
    """The caller's usage on one day, whatever became of the sessions since."""

    date: Day = Field(description="The day in UTC")
    turns: int = Field(description="Turns, reported usage included")
    messages: int = Field(description="Messages of these turns")
    input_tokens: int = Field(description="Tokens that models read, and reported tokens")
    output_tokens: int = Field(description="Tokens that models wrote")
    cost: float = Field(description="US dollars; calls without a known price count as nothing")
    avg_response_time_ms: float = Field(description="Milliseconds, the mean of the turns run here; 0 without any")
    by_model: list[ModelStats] = Field(
        description="The same tokens and cost model by model, the largest cost first, then the most tokens"
    )


class DailyStats(BaseModel):
    """Usage by day; days without any are left out."""

    days: list[DayStats] = Field(description="The days, oldest first", json_schema_extra={"maxItems": 366})
