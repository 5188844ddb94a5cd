"""Trying again, and looking again: with full jitter, so many times, and never past the request's deadline.

https://aws.amazon.com/builders-library/timeouts-retries-and-backoff-with-jitter/
"""

import asyncio
import random
import time
from collections.abc import Iterator

from chatkeep import deadline

FIRST_SECONDS = 0.02
LONGEST_SECONDS = 1.0
ATTEMPT_SECONDS = 1.25
"""The time that a request to the storage is given; a pause that would leave less is not made."""


def attempts(most: int, *, first: float = FIRST_SECONDS, longest: float = LONGEST_SECONDS) -> Iterator[int]:
    """The numbers of at most so many attempts, from 0, with a pause before each but the first.

    They end earlier where the deadline leaves no time for the pause and one more attempt: then the caller raises the
    last error at once, instead of being killed over the next.
    """
    for number in range(most):
        if number and not pause(number, first=first, longest=longest):
            return
        yield number


def pause(failures: int, *, first: float = FIRST_SECONDS, longest: float = LONGEST_SECONDS) -> bool:
    """Sleep before the attempt that follows so many failures; False, at once, where there is no time for both.

    It sleeps up to `first` seconds after one failure, twice as long after each further one, and never over `longest`.
    """
    ceiling = min(longest, first * 2.0 ** min(failures - 1, 64))
    return nap(ceiling, deadline.current().storage_seconds_left() - ATTEMPT_SECONDS)


def nap(longest: float, seconds_left: float) -> bool:
    """Sleep for a random part of `longest`; False, at once, where that would be more than `seconds_left`."""
    seconds = jitter(longest)
    if seconds > seconds_left:
        return False
    sleep(seconds)
    return True


def looks(longest: float, until: float) -> Iterator[None]:
    """Looks at something that others change, each but the first after a nap, as long as one ends before `until`."""
    yield
    while nap(longest, deadline.seconds_until(until)):
        yield


def jitter(longest: float) -> float:
    """A random part of `longest` seconds, so that those who failed together do not come back together."""
    return random.uniform(0, longest)  # noqa: S311


def sleep(seconds: float) -> None:
    """Sleep for a time that the caller has held against its deadline."""
    time.sleep(seconds)


async def sleep_on_loop(seconds: float) -> None:
    """The same in a coroutine."""
    await asyncio.sleep(seconds)
