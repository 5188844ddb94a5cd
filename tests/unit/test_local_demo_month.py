"""The demonstration's month: all of it has happened, weekends are quiet, and it grows."""

from collections import Counter
from datetime import UTC, date, datetime, timedelta

import pytest

from infra.local.demo import month, story

NOONS = [datetime(2026, 3, day, 12, tzinfo=UTC) for day in range(16, 23)]
ODD = [
    datetime(2026, 1, 1, 0, 0, 30, tzinfo=UTC),
    datetime(2028, 2, 29, 1, 0, tzinfo=UTC),
    datetime(2026, 6, 7, 23, 59, tzinfo=UTC),
]
each_time = pytest.mark.parametrize("now", NOONS + ODD, ids=str)


def asked(now: datetime) -> Counter[date]:
    """Questions by day."""
    return Counter(one.at.date() for one in month.steps(story.conversations(), now) if one.deed == "ask")


@each_time
def test_everything_lies_within_the_month_in_an_order_that_can_be(now: datetime) -> None:
    steps = month.steps(story.conversations(), now)
    assert all(now - timedelta(days=month.DAYS + 1) < one.at < now for one in steps)
    for number in range(len(story.conversations())):
        own = [one for one in steps if one.number == number]
        assert [one.deed for one in own].index("create") == 0
        assert [one.place for one in own] == sorted(one.place for one in own)


@each_time
def test_the_last_days_have_something_to_show(now: datetime) -> None:
    last = max(asked(now))
    assert now.date() - last <= timedelta(days=1 if now.hour == 0 else 0)


@each_time
def test_weekends_are_quiet_and_the_month_grows(now: datetime) -> None:
    days = asked(now)
    first, last = min(days), max(days)
    every = [first + timedelta(days=at) for at in range((last - first).days)]  # the last one is always busy
    weekends = [days[one] for one in every if one.weekday() >= month.SATURDAY]
    weekdays = [days[one] for one in every if one.weekday() < month.SATURDAY]
    assert sum(weekends) / len(weekends) < sum(weekdays) / len(weekdays) / 2
    assert sum(weekdays[-7:]) > sum(weekdays[:7])


def test_the_story_has_sixty_conversations_with_four_models() -> None:
    told = story.conversations()
    assert len(told) > 60
    assert {one.model for one in told} == set(story.MODELS.values())
    assert len({one.title for one in told}) == len(told)
    assert {one.place for one in told} == {"", "archive", "trash"}
