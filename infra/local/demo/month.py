"""When the conversations take place: busy weekdays, quiet weekends, and more of them as the month goes on."""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from typing import Literal

from infra.local.demo.story import Conversation, Exchange

DAYS = 30
SEED = 20
SATURDAY = 5
WEEKEND = 0.14
"""How much of a weekday's work is done on a day of the weekend."""
GROWTH = 1.6
"""How much busier the last day is than the first, beside its day of the week."""
_OPENS, _CLOSES = time(8), time(18)
_LATEST = timedelta(minutes=4)
_SHORTEST_DAY = timedelta(hours=1)

Deed = Literal["create", "ask", "rate", "pin", "archive", "delete"]


@dataclass(frozen=True, order=True)
class Step:
    """Something the user does to the conversation of this number."""

    at: datetime
    number: int
    place: int
    deed: Deed = field(compare=False)
    exchange: Exchange | None = field(compare=False, default=None)


def steps(told: Sequence[Conversation], now: datetime, days: int = DAYS, seed: int = SEED) -> list[Step]:
    """Everything that happens in the `days` before `now`, in order; the same each time, seen from `now`.

    A day that has hardly begun has no room for its share: then the day before is the last one.
    """
    midnight = datetime.combine(now.date(), time(0), now.tzinfo)
    if now - midnight < _SHORTEST_DAY:
        now = midnight - timedelta(seconds=1)
    drawn = random.Random(seed)  # noqa: S311  not for secrets
    opened = [_working_hours(now, ago) for ago in range(days)]
    weights = [_weight(start, ago, days) * drawn.uniform(0.75, 1.25) for ago, (start, _) in enumerate(opened)]
    weights[0] = max(weights[0], 1.0)  # the last day has something to show
    brief = [number for number, one in enumerate(told) if not one.spread]
    of_day: dict[int, list[int]] = {}
    for position, number in enumerate(brief):
        of_day.setdefault(_day_at((position + 0.5) / len(brief), weights), []).append(number)
    found: list[Step] = []
    for ago, numbers in of_day.items():
        for slot, number in enumerate(numbers):
            found += _brief(told[number], number, _slot(opened[ago], len(numbers), slot, drawn), now, drawn)
    for number, one in enumerate(told):
        if one.spread:
            found += _spread(one, number, opened, weights)
    return sorted(found)


def _working_hours(now: datetime, ago: int) -> tuple[datetime, datetime]:
    """Of the day so many days ago, in UTC; today they are the hours before now."""
    if ago == 0:
        midnight = datetime.combine(now.date(), time(0), now.tzinfo)
        return max(midnight, now - timedelta(hours=8)), now - _LATEST
    day = (now - timedelta(days=ago)).date()
    return datetime.combine(day, _OPENS, now.tzinfo), datetime.combine(day, _CLOSES, now.tzinfo)


def _weight(start: datetime, ago: int, days: int) -> float:
    is_weekend = start.weekday() >= SATURDAY
    return (WEEKEND if is_weekend else 1.0) * (1 + GROWTH * (days - 1 - ago) / days)


def _day_at(fraction: float, weights: Sequence[float]) -> int:
    """How many days ago lies that part of all the work, the latest first."""
    left = fraction * sum(weights)
    for ago, weight in enumerate(weights):
        left -= weight
        if left < 0:
            return ago
    return len(weights) - 1


def _slot(hours: tuple[datetime, datetime], slots: int, slot: int, drawn: random.Random) -> tuple[datetime, datetime]:
    """The part of the day that a conversation has for itself: the first of the day's is the latest."""
    start, end = hours
    length = (end - start) / slots
    begins = end - length * (slot + 1) + length * drawn.uniform(0.05, 0.4)
    return begins, end - length * slot


def _brief(
    told: Conversation, number: int, hours: tuple[datetime, datetime], now: datetime, drawn: random.Random
) -> Iterator[Step]:
    start, end = hours
    gap = min(timedelta(minutes=4), (end - start) / (len(told.exchanges) + 1))
    at = start
    yield Step(at, number, 0, "create")
    for place, exchange in enumerate(told.exchanges):
        yield Step(at, number, 2 * place + 1, "ask", exchange)
        at += gap * drawn.uniform(0.5, 1.0)
        if exchange.rating:
            yield Step(at - gap * 0.1, number, 2 * place + 2, "rate", exchange)
    last = 2 * len(told.exchanges) + 1
    if told.pinned:
        yield Step(at, number, last, "pin")
    tidied = min(at + timedelta(hours=drawn.uniform(20, 60)), max(at, now - _LATEST))
    if told.place:
        yield Step(tidied, number, last + 1, "archive" if told.place == "archive" else "delete")


def _spread(
    told: Conversation, number: int, opened: Sequence[tuple[datetime, datetime]], weights: Sequence[float]
) -> Iterator[Step]:
    """A conversation that is gone on with each day."""
    of_day: dict[int, list[Exchange]] = {}
    for position, exchange in enumerate(reversed(told.exchanges)):
        of_day.setdefault(_day_at((position + 0.5) / len(told.exchanges), weights), []).insert(0, exchange)
    first, place = max(of_day), 0
    yield Step(opened[first][0], number, 0, "create")
    for ago in sorted(of_day, reverse=True):
        start, end = opened[ago]
        for position, exchange in enumerate(of_day[ago]):
            place += 1
            yield Step(start + (end - start) * 0.3 * (position + 1) / len(of_day[ago]), number, place, "ask", exchange)
    if told.pinned:
        yield Step(opened[min(of_day)][1], number, place + 1, "pin")
