"""Bodies of the stats routes; money in US dollars, times in milliseconds."""

from pydantic import BaseModel


class SessionStats(BaseModel):
    session_id: str
    title: str
    created_at: str
    updated_at: str
    message_count: int
    total_tokens: int
    total_cost: float
    avg_response_time_ms: float
    feedback_count: int
    thumbs_up: int
    thumbs_down: int
    satisfaction_rate: float


class UserStats(BaseModel):
    user_id: str
    total_sessions: int
    active_sessions: int
    archived_sessions: int
    deleted_sessions: int
    total_messages: int
    total_tokens: int
    total_cost: float


class DayStats(BaseModel):
    date: str
    turns: int
    messages: int
    input_tokens: int
    output_tokens: int
    cost: float
    avg_response_time_ms: float


class DailyStats(BaseModel):
    days: list[DayStats]
