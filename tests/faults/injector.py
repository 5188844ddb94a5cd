"""A network that fails from one request to DynamoDB on: for every client in the process, and always in the same way."""

import math
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import Context
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.exceptions import ConnectTimeoutError, ReadTimeoutError

from chatkeep.dynamodb.batches import STALLS
from chatkeep.dynamodb.connection import MOST_ATTEMPTS, SILENT_ATTEMPTS
from tests.engines import TO_ITS_URL, interceptors
from tests.faults.network import conflict, operation, perform, throttling, unprocessed


class Fault(StrEnum):
    THROTTLED = "throttled"
    THROTTLED_FOR_LONG = "throttled with all its retries"
    RIVAL = "refused because a transaction holds the item"
    TIMED_OUT_BEFORE = "timed out before it arrived"
    TIMED_OUT_AFTER = "timed out after success"
    TIMED_OUT_FOR_LONG = "carried out, and all its retries time out"
    DIED_BEFORE = "the process dies before it"
    DIED_AFTER = "the process dies after it"
    TWICE = "delivered twice"
    LATE = "delivered again when the turn is over"
    PARTIAL = "a batch of which half is left unprocessed"
    UNPROCESSED_FOR_LONG = "a batch that is left unprocessed, with all its retries"
    SILENT = "never answered, nor is any after it"
    REFUSING = "refused a connection, as is any after it"


FOR_GOOD = {Fault.SILENT, Fault.REFUSING}
OF_BATCHES = {Fault.PARTIAL, Fault.UNPROCESSED_FOR_LONG}
"""Faults of BatchWriteItem, which count and meet no other request."""
_REQUESTS = {
    Fault.THROTTLED_FOR_LONG: MOST_ATTEMPTS,
    Fault.UNPROCESSED_FOR_LONG: STALLS,
    Fault.TIMED_OUT_FOR_LONG: SILENT_ATTEMPTS,
    **dict.fromkeys(FOR_GOOD, math.inf),
}
"""How many requests fail, where it is not one; a call makes no more."""
NOT_YET = math.inf


class ProcessDiedError(BaseException):
    """Nothing that this process would have done later happens."""


@dataclass
class Outage:
    """Fails requests from the one numbered `at` on, counted from 0; `hit` says whether there was one.

    Those that are kept silent go to `port`, and are given up after `patience` seconds.
    """

    fault: Fault
    at: float
    patience: float
    port: int
    count: int = 0
    dead: bool = False
    late: list[AWSPreparedRequest] = field(default_factory=list)

    @property
    def hit(self) -> bool:
        return self.count > self.at

    def begin(self) -> None:
        """Fail the next request."""
        self.at = self.count

    def meet(self, request: AWSPreparedRequest) -> Any:
        if self.dead:
            raise ProcessDiedError
        if self.fault in OF_BATCHES and operation(request) != "BatchWriteItem":
            return None
        number, self.count = self.count, self.count + 1
        if self.at <= number < self.at + _REQUESTS.get(self.fault, 1):
            return self._fail(request)
        return None

    def _fail(self, request: AWSPreparedRequest) -> Any:
        match self.fault:
            case Fault.THROTTLED | Fault.THROTTLED_FOR_LONG:
                return throttling(request)
            case Fault.RIVAL:
                return conflict(request)
            case Fault.TIMED_OUT_BEFORE:
                raise ConnectTimeoutError(endpoint_url=request.url)
            case Fault.TIMED_OUT_AFTER | Fault.TIMED_OUT_FOR_LONG:
                perform(request)
                raise ReadTimeoutError(endpoint_url=request.url)
            case Fault.DIED_BEFORE | Fault.DIED_AFTER:
                return self._die(request)
            case Fault.TWICE:
                return _twice(request)
            case Fault.LATE:
                return self.late.append(request)
            case Fault.PARTIAL | Fault.UNPROCESSED_FOR_LONG:
                return unprocessed(request, whole=self.fault is not Fault.PARTIAL)
            case Fault.SILENT | Fault.REFUSING:
                return self._keep_silent(request)

    def _die(self, request: AWSPreparedRequest) -> None:
        if self.fault is Fault.DIED_AFTER:
            perform(request)
        self.dead = True
        raise ProcessDiedError

    def _keep_silent(self, request: AWSPreparedRequest) -> object:
        request.url = f"http://127.0.0.1:{self.port}/"
        request.context["read_timeout"] = min(request.context["read_timeout"], self.patience)
        return TO_ITS_URL


def _twice(request: AWSPreparedRequest) -> AWSResponse:
    answer = perform(request)
    perform(request)
    return answer


@dataclass
class Interruption:
    """Has somebody else `act` before the request numbered `at`, counted from 0; `hit` says whether there was one."""

    at: int
    act: Callable[[], object]
    count: int = 0

    @property
    def hit(self) -> bool:
        return self.count > self.at

    def meet(self, request: AWSPreparedRequest) -> None:
        number, self.count = self.count, self.count + 1
        if number == self.at:
            with apart():
                Context().run(self.act)  # with its own deadline and permissions


_outage: Outage | Interruption | None = None
_apart = threading.local()


def _meet(request: AWSPreparedRequest) -> Any:
    if _outage is None or getattr(_apart, "depth", 0) or not operation(request):
        return None
    return _outage.meet(request)


interceptors.append(_meet)


@contextmanager
def outage(fault: Fault, at: float = 0, patience: float = math.inf) -> Iterator[Outage]:
    """Let a request within fail, whichever thread sends it."""
    global _outage
    with socket.create_server(("127.0.0.1", 0), backlog=128) as deaf:
        _outage = met = Outage(fault, at, patience, deaf.getsockname()[1])
        if fault is Fault.REFUSING:
            deaf.close()
        try:
            yield met
        finally:
            _outage = None
    for request in met.late:
        perform(request)


@contextmanager
def interrupted(at: int, act: Callable[[], object]) -> Iterator[Interruption]:
    """Have another process `act` before one of the requests within."""
    global _outage
    _outage = met = Interruption(at, act)
    try:
        yield met
    finally:
        _outage = None


@contextmanager
def apart() -> Iterator[None]:
    """Requests of this thread within come from another process: they neither fail nor count."""
    _apart.depth = getattr(_apart, "depth", 0) + 1
    try:
        yield
    finally:
        _apart.depth -= 1
