"""Bodies of the stats routes; money in US dollars, times in milliseconds."""

from pydantic import BaseModel, Field

from chatkeep.formats import Day, Instant, SessionId


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
    """The usage of all of the caller's sessions, the deleted ones that are not purged included."""

    user_id: str = Field(description="The caller: the token's `sub`")
    total_sessions: int = Field(description="Sessions in any status")
    active_sessions: int = Field(description="Sessions that take turns")
    archived_sessions: int = Field(description="Archived sessions")
    deleted_sessions: int = Field(description="Deleted sessions that are not purged")
    total_messages: int = Field(description="Messages of all turns, those of reported usage included")
    total_tokens: int = Field(description="Input and output tokens of all turns")
    total_cost: float = Field(description="US dollars of all turns; calls without a known price count as nothing")


class DayStats(BaseModel):
    """The caller's usage on one day, whatever became of the sessions since."""

    date: Day = Field(description="The day in UTC")
    turns: int = Field(description="Turns, reported usage included")
    messages: int = Field(description="Messages of these turns")
    input_tokens: int = Field(description="Tokens that models read, and reported tokens")
    output_tokens: int = Field(description="Tokens that models wrote")
    cost: float = Field(description="US dollars; calls without a known price count as nothing")
    avg_response_time_ms: float = Field(description="Milliseconds, the mean of the turns run here; 0 without any")


class DailyStats(BaseModel):
    """Usage by day; days without any are left out."""

    days: list[DayStats] = Field(description="The days, oldest first", json_schema_extra={"maxItems": 366})
