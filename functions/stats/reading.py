"""Statistics, each read from counters that the turns have kept."""

from datetime import date

from chatkeep import money, sessions
from chatkeep.models.day import Day
from chatkeep.models.totals import Totals
from functions.stats.schemas import DayStats, SessionStats, UserStats

DEFAULT_DAYS = 30
MOST_DAYS = 366


def of_session(user_id: str, session_id: str) -> SessionStats:
    """One GetItem, and a BatchGetItem where the title is long. Raises SessionNotFoundError."""
    session = sessions.header(user_id, session_id)
    sessions.load_details([session], ["title"])
    up, down = int(session.thumbs_up), int(session.thumbs_down)
    return SessionStats(
        session_id=session.shown_id,
        title=session.title,
        created_at=session.created_at,
        updated_at=session.updated_at,
        message_count=int(session.message_count),
        total_tokens=int(session.total_tokens),
        total_cost=money.dollars(int(session.total_cost)),
        avg_response_time_ms=ratio(session.response_ms, session.timed_turns),
        feedback_count=up + down,
        thumbs_up=up,
        thumbs_down=down,
        satisfaction_rate=ratio(100 * up, up + down),
    )


def of_user(user_id: str) -> UserStats:
    """One GetItem; zeros for a user who has never had a session."""
    totals = Totals.find(user_id) or Totals(user_id)
    counts = [int(one) for one in (totals.active_sessions, totals.archived_sessions, totals.deleted_sessions)]
    return UserStats(
        user_id=user_id,
        total_sessions=sum(counts),
        active_sessions=counts[0],
        archived_sessions=counts[1],
        deleted_sessions=counts[2],
        total_messages=int(totals.total_messages),
        total_tokens=int(totals.total_tokens),
        total_cost=money.dollars(int(totals.total_cost)),
    )


def of_days(user_id: str, first: date | None, last: date | None) -> list[DayStats]:
    """The days with usage from `first` to `last`, oldest first; without either the latest `DEFAULT_DAYS` of them."""
    days = Day.among(
        user_id,
        first=str(first or date.min),
        last=str(last or date.max),
        newest_first=True,
        limit=DEFAULT_DAYS if first is None and last is None else MOST_DAYS,
    )
    return [_day(one) for one in days][::-1]


def _day(day: Day) -> DayStats:
    return DayStats(
        date=day.date,
        turns=int(day.turns),
        messages=int(day.messages),
        input_tokens=int(day.input_tokens),
        output_tokens=int(day.output_tokens),
        cost=money.dollars(int(day.cost)),
        avg_response_time_ms=ratio(day.response_ms, day.timed_turns),
    )


def ratio(numerator: float, denominator: float) -> float:
    """The quotient to two decimals, and 0 where there is nothing to divide by."""
    return round(numerator / denominator, 2) if denominator else 0.0
