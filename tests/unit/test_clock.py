"""The clock: text that sorts as time does, and days that end at midnight UTC."""

from datetime import UTC, date, datetime, timedelta, timezone

from hypothesis import given
from hypothesis import strategies as st

from chatkeep.clock import after, day, milliseconds, now, stamp

INSTANTS = st.datetimes(min_value=datetime(1970, 1, 2), max_value=datetime(9999, 12, 30), timezones=st.just(UTC))  # noqa: DTZ001


@given(INSTANTS, INSTANTS)
def test_stamps_sort_as_their_instants_do(one: datetime, other: datetime) -> None:
    assert (stamp(one) < stamp(other)) == (one < other)
    assert len(stamp(one)) == 27


@given(INSTANTS, INSTANTS)
def test_a_stamp_after_another_is_the_instants_own_unless_that_is_too_early(one: datetime, other: datetime) -> None:
    made = after(stamp(one), other)
    assert made > stamp(one)
    assert made == (stamp(other) if other > one else stamp(one + timedelta(microseconds=1)))


def test_a_stamp_is_in_utc_wherever_the_instant_was_read() -> None:
    tokyo = datetime(2026, 1, 1, 8, 30, tzinfo=timezone(timedelta(hours=9)))
    assert stamp(tokyo) == "2025-12-31T23:30:00.000000Z"
    assert day(tokyo) == date(2025, 12, 31)


def test_milliseconds_count_from_the_epoch() -> None:
    assert milliseconds(datetime(1970, 1, 1, 0, 0, 1, 500_000, tzinfo=UTC)) == 1_500


def test_now_is_in_utc() -> None:
    assert now().utcoffset() == timedelta(0)
