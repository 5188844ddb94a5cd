"""The deadline of a request: made once where the request arrives, and asked by everybody who waits for anything."""

import math
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from chatkeep.clock import milliseconds, now

GATEWAY_SECONDS = 29.0
"""API Gateway's patience, counted from its receipt of the request:
https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-execution-service-limits-table.html"""
STREAM_SECONDS = 900.0
"""Its patience where it streams the answer, by the routes' `TimeoutInMillis`."""
RESERVE_SECONDS = 5.0
"""The end of a request's time, for storing and for the answer. A call that a silent DynamoDB never answers
fails within it: see `chatkeep.dynamodb.connection`."""
ANSWERING_SECONDS = 0.5
"""The end of the reserve: DynamoDB is waited for no longer, so that a problem can still be answered."""
SHORTEST_RUN_SECONDS = 5.0
"""An answer of a model takes about as long: who has less left neither starts a turn nor asks a model once more."""
CLIENT_GRACE_SECONDS = 1.0
"""How much longer than the turn a model's client waits: the turn's own deadline comes first and knows what was said."""
LEASE_MARGIN_SECONDS = 2.0
"""How long a lease outlasts the function that holds it: for clocks that differ."""


@dataclass(frozen=True)
class Deadline:
    """Moments of `time.monotonic`: the time of day may be set back while a request runs.

    At `answer_by` models and queues are waited for no longer; the reserve comes after it. At `dies` the function is
    killed. A turn that has not begun by `begin_by` is left for later.
    """

    answer_by: float = math.inf
    dies: float = math.inf
    begin_by: float = math.inf

    @classmethod
    def within(cls, seconds: float, patience: float = math.inf) -> "Deadline":
        """The deadline of a function that is killed in so many `seconds`, and whose caller leaves after `patience`."""
        start = time.monotonic()
        return cls(start + min(seconds, patience) - RESERVE_SECONDS, start + seconds)

    @property
    def store_by(self) -> float:
        """When the last answer of the storage has to be there."""
        return self.answer_by + RESERVE_SECONDS - ANSWERING_SECONDS

    @property
    def start_by(self) -> float:
        """When a turn that waits for others has to start at the latest."""
        return min(self.begin_by, self.answer_by - SHORTEST_RUN_SECONDS)

    def lease_expiry(self) -> int:
        """When the lease of a turn with this deadline expires, in milliseconds since the epoch."""
        return milliseconds(time_of_day(self.dies + LEASE_MARGIN_SECONDS))

    def seconds_left(self) -> float:
        """Seconds for models and queues; negative in the reserve."""
        return seconds_until(self.answer_by)

    def client_seconds_left(self) -> float:
        """Seconds for a model's client; never less than the grace, with which a client can be made at any time."""
        return max(0.0, self.seconds_left()) + CLIENT_GRACE_SECONDS

    def storage_seconds_left(self) -> float:
        """Seconds for the storage."""
        return seconds_until(self.store_by)


def time_of_day(moment: float) -> datetime:
    """A moment of `time.monotonic` by this machine's clock, for other machines."""
    return now() + timedelta(seconds=seconds_until(moment))


def seconds_until(moment: float) -> float:
    """Seconds until a moment of `time.monotonic`."""
    return moment - time.monotonic()


NONE = Deadline()
"""Of code that no request has called."""
_current: ContextVar[Deadline] = ContextVar("deadline", default=NONE)


def current() -> Deadline:
    """The deadline of the request that is being served; without one, the one that never comes.

    A thread sees it where it was started by asyncio or LangChain, or within a copy of the context.
    """
    return _current.get()


@contextmanager
def kept(event: Mapping[str, Any], context: Any, gateway_seconds: float = GATEWAY_SECONDS) -> Iterator[None]:
    """Hold the code within to the deadline of a Lambda invocation, for which API Gateway waits so many seconds."""
    seconds = context.get_remaining_time_in_millis() / 1000
    token = _current.set(Deadline.within(seconds, _patience(event, gateway_seconds)))
    try:
        yield
    finally:
        _current.reset(token)


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """Hold the code within to so many seconds, or to what is left of the request's own."""
    token = _current.set(Deadline.within(min(seconds, seconds_until(current().dies))))
    try:
        yield
    finally:
        _current.reset(token)


@contextmanager
def earlier(seconds: float) -> Iterator[None]:
    """Hold the code within to a deadline that comes so many seconds before the request's own."""
    present = current()
    token = _current.set(replace(present, answer_by=present.answer_by - seconds))
    try:
        yield
    finally:
        _current.reset(token)


def _patience(event: Mapping[str, Any], gateway_seconds: float) -> float:
    """Seconds until API Gateway stops waiting; infinite where it does not wait at all.

    The gateway's clock is another machine's. A receipt in the future gives nobody more than its `gateway_seconds`. One
    that is as old or more is taken for this very moment: either nobody waits any more, so that it does not matter, or
    the clocks differ, and no request should fail for that.
    """
    received = (event.get("requestContext") or {}).get("requestTimeEpoch")
    if not isinstance(received, int | float):
        return math.inf
    age = now().timestamp() - received / 1000
    return gateway_seconds - age if 0 <= age < gateway_seconds else gateway_seconds
