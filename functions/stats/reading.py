"""Statistics, each read from counters that the turns have kept."""

from datetime import date
from typing import Any

from chatkeep import money, sessions
from chatkeep.models.day import Day, ModelUsage
from chatkeep.models.session import Session
from chatkeep.models.totals import Totals
from chatkeep.usage import by_model
from functions.stats.schemas import DayStats, ModelStats, SessionStats, UserStats

DEFAULT_DAYS = 30
MOST_DAYS = 366
Entry = tuple[str | None, ModelUsage]


def of_session(user_id: str, session_id: str) -> SessionStats:
    """One GetItem, and a BatchGetItem where the title is long. Raises SessionNotFoundError."""
    session = sessions.header(user_id, session_id)
    sessions.load_details([session], ["title"])
    return SessionStats(
        session_id=session.shown_id,
        title=session.title,
        created_at=session.created_at,
        updated_at=session.updated_at,
        message_count=int(session.message_count),
        total_tokens=int(session.total_tokens),
        total_cost=money.dollars(int(session.total_cost)),
        avg_response_time_ms=ratio(session.response_ms, session.timed_turns),
        **_ratings(session),
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
        **_ratings(totals),
    )


def _ratings(counted: Session | Totals) -> dict[str, Any]:
    up, down = int(counted.thumbs_up), int(counted.thumbs_down)
    rate = ratio(100 * up, up + down)
    return {"feedback_count": up + down, "thumbs_up": up, "thumbs_down": down, "satisfaction_rate": rate}


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
        by_model=[_model(name, used) for name, used in _costliest_first([*day.by_model.items(), *_rest(day)])],
    )


def _costliest_first(entries: list[Entry]) -> list[Entry]:
    return sorted(entries, key=lambda entry: (by_model.costliest_first(entry[1]), entry[0] or ""))


def _rest(day: Day) -> list[Entry]:
    """What of the day's sums is of no model that has counters, if anything is: so that they all add up."""
    named = day.by_model.values()
    rest = ModelUsage(
        calls=int(day.calls) - sum(one.calls for one in named),
        input_tokens=int(day.input_tokens) - sum(one.input_tokens for one in named),
        output_tokens=int(day.output_tokens) - sum(one.output_tokens for one in named),
        cost=int(day.cost) - sum(one.cost or 0 for one in named),
    )
    return [(None, rest)] if rest != ModelUsage(cost=0) else []


def _model(name: str | None, used: ModelUsage) -> ModelStats:
    return ModelStats(
        model_name=name,
        calls=used.calls,
        input_tokens=used.input_tokens,
        output_tokens=used.output_tokens,
        cost=None if used.cost is None else money.dollars(used.cost),
    )


def ratio(numerator: float, denominator: float) -> float:
    """The quotient to two decimals, and 0 where there is nothing to divide by."""
    return round(numerator / denominator, 2) if denominator else 0.0
