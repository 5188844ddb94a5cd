"""The clock: text that sorts as time does, and days that end at midnight UTC."""

from datetime import UTC, date, datetime, timedelta, timezone

from hypothesis import given
from hypothesis import strategies as st

from chatkeep.clock import day, milliseconds, now, stamp

INSTANTS = st.datetimes(min_value=datetime(1970, 1, 2), max_value=datetime(9999, 12, 30), timezones=st.just(UTC))  # noqa: DTZ001


@given(INSTANTS, INSTANTS)
def test_stamps_sort_as_their_instants_do(one: datetime, other: datetime) -> None:
    assert (stamp(one) < stamp(other)) == (one < other)
    assert len(stamp(one)) == 27


def test_a_stamp_is_in_utc_wherever_the_instant_was_read() -> None:
    tokyo = datetime(2026, 1, 1, 8, 30, tzinfo=timezone(timedelta(hours=9)))
    assert stamp(tokyo) == "2025-12-31T23:30:00.000000Z"
    assert day(tokyo) == date(2025, 12, 31)


def test_milliseconds_count_from_the_epoch() -> None:
    assert milliseconds(datetime(1970, 1, 1, 0, 0, 1, 500_000, tzinfo=UTC)) == 1_500


def test_now_is_in_utc() -> None:
    assert now().utcoffset() == timedelta(0)
