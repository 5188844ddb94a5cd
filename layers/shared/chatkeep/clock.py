"""The time, as Chatkeep writes it."""

from datetime import UTC, date, datetime, timedelta


def read() -> datetime:
    """This machine's clock, in UTC."""
    return datetime.now(UTC)


def now() -> datetime:
    """The present instant in UTC by `read`, so that a test can set the clock there."""
    return read()


def stamp(instant: datetime) -> str:
    """ISO 8601 in UTC with microseconds and `Z`: 27 characters always, so that text order is time order."""
    return instant.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def after(previous: str, instant: datetime) -> str:
    """The stamp of `instant`, or the next one after `previous` where that is later: clocks differ, and are set back."""
    return stamp(max(instant, datetime.fromisoformat(previous) + timedelta(microseconds=1)))


def milliseconds(instant: datetime) -> int:
    """Whole milliseconds since the epoch."""
    return int(instant.timestamp() * 1000)


def day(instant: datetime) -> date:
    """The calendar day in UTC."""
    return instant.astimezone(UTC).date()
