"""Time that is told: a month passes in seconds, and a model's seconds in none."""

import random
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any
from uuid import UUID

from chatkeep import clock, ids

_VERSION_7 = 7 << 76 | 0b10 << 62


class ToldTime:
    """The time of day is `instant`, and `time.monotonic` goes on with it alone. Ids are of `instant` and `seed`."""

    def __init__(self, instant: datetime, seed: int) -> None:
        self.instant = instant
        self._moment = time.monotonic()
        self._drawn = random.Random(seed)  # noqa: S311  these ids need not be unguessable
        self._latest = (0, 0)
        self._counted: datetime | None = None

    def now(self) -> datetime:
        return self.instant

    def moment(self) -> float:
        return self._moment

    def pass_by(self, seconds: float) -> None:
        self.instant += timedelta(seconds=seconds)
        self._moment += seconds

    def go_to(self, instant: datetime) -> None:
        """Let the time pass until then; it never goes back."""
        self.pass_by(max(0.0, (instant - self.instant).total_seconds()))

    @contextmanager
    def uncounted(self) -> Iterator[None]:
        """The time that passes within has not passed afterwards: how long it is depends on the machine."""
        instant, moment = self.instant, self._moment
        self._counted = instant
        try:
            yield
        finally:
            self.instant, self._moment, self._counted = instant, moment, None

    def milliseconds(self) -> int:
        """For ids, since the epoch."""
        return clock.milliseconds(self._counted or self.instant)

    def below(self, limit: int) -> int:
        """A number from 0 to one below the limit."""
        return self._drawn.randrange(limit)

    def uuid7(self, timestamp: int | None = None, nanos: int = 0) -> UUID:
        """A UUIDv7 of now, or of that second; those of one millisecond are in the order in which they were made."""
        milliseconds = self.milliseconds() if timestamp is None else timestamp * 1000 + nanos // 1_000_000
        latest, count = self._latest
        count = count + 1 if latest == milliseconds else 0
        self._latest = (milliseconds, count)
        return UUID(int=milliseconds << 80 | _VERSION_7 | count << 64 | self._drawn.getrandbits(62))


@contextmanager
def passing(told: ToldTime) -> Iterator[None]:
    """Have the clocks of this process tell that time."""
    with ExitStack() as put_back:
        for owner, name, value in (
            (clock, "read", told.now),
            (time, "monotonic", told.moment),
            (ids, "uuid7", told.uuid7),
            (ids, "secrets", SimpleNamespace(randbelow=told.below)),
            (ids, "time", SimpleNamespace(time_ns=lambda: told.milliseconds() * 1_000_000)),
        ):
            put_back.callback(setattr, owner, name, _replaced(owner, name, value))
        yield


def _replaced(owner: Any, name: str, value: Any) -> Any:
    """What the name stood for before."""
    before = getattr(owner, name)
    setattr(owner, name, value)
    return before
