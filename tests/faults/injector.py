"""A network that fails at one request to DynamoDB: for every client in the process, and always in the same way."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from io import BytesIO
from typing import Any

from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.exceptions import ConnectTimeoutError, ReadTimeoutError
from botocore.httpsession import URLLib3Session

from chatkeep.dynamodb.connection import MOST_ATTEMPTS, SILENT_ATTEMPTS
from tests.engines import interceptors, moto_answer


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


class ProcessDiedError(BaseException):
    """Nothing that this process would have done later happens."""


class Impatient:
    """In place of a module's `time`: by it a pause takes none."""

    def sleep(self, seconds: float) -> None:
        pass


@dataclass
class Outage:
    """Fails the request numbered `at`, counted from 0; `hit` says whether there was one."""

    fault: Fault
    at: int
    count: int = 0
    dead: bool = False
    late: list[AWSPreparedRequest] = field(default_factory=list)

    @property
    def hit(self) -> bool:
        return self.count > self.at

    def meet(self, request: AWSPreparedRequest) -> AWSResponse | None:
        if self.dead:
            raise ProcessDiedError
        number, self.count = self.count, self.count + 1
        if number < self.at or number >= self.at + self._lasts():
            return None
        return _FAULTS[self.fault](self, request)

    def _lasts(self) -> int:
        """So many requests as one call of ours makes at most, where it is for long."""
        return {Fault.THROTTLED_FOR_LONG: MOST_ATTEMPTS, Fault.TIMED_OUT_FOR_LONG: SILENT_ATTEMPTS}.get(self.fault, 1)

    def throttle(self, request: AWSPreparedRequest) -> AWSResponse:
        return _refusal(
            request, {"__type": "com.amazonaws.dynamodb.v20120810#ThrottlingException", "message": "slowly"}
        )

    def meet_rival(self, request: AWSPreparedRequest) -> AWSResponse | None:
        operation = _operation(request)
        if operation.startswith("Transact"):
            members = json.loads(request.body)["TransactItems"]
            reasons = [{"Code": "TransactionConflict"}, *[{"Code": "None"} for _ in members[1:]]]
            body = {"__type": "x#TransactionCanceledException", "Message": "a rival", "CancellationReasons": reasons}
            return _refusal(request, body)
        if operation in ("UpdateItem", "PutItem", "DeleteItem"):
            return _refusal(request, {"__type": "x#TransactionConflictException", "message": "a rival"})
        return None  # plain reads pass by transactions

    def time_out_before(self, request: AWSPreparedRequest) -> AWSResponse:
        raise ConnectTimeoutError(endpoint_url=request.url)

    def time_out_after(self, request: AWSPreparedRequest) -> AWSResponse:
        perform(request)
        raise ReadTimeoutError(endpoint_url=request.url)

    def die_before(self, request: AWSPreparedRequest) -> AWSResponse:
        self.dead = True
        raise ProcessDiedError

    def die_after(self, request: AWSPreparedRequest) -> AWSResponse:
        perform(request)
        self.dead = True
        raise ProcessDiedError

    def deliver_twice(self, request: AWSPreparedRequest) -> AWSResponse:
        answer = perform(request)
        perform(request)
        return answer

    def deliver_again_later(self, request: AWSPreparedRequest) -> AWSResponse | None:
        self.late.append(request)
        return None


_FAULTS = {
    Fault.THROTTLED: Outage.throttle,
    Fault.THROTTLED_FOR_LONG: Outage.throttle,
    Fault.RIVAL: Outage.meet_rival,
    Fault.TIMED_OUT_BEFORE: Outage.time_out_before,
    Fault.TIMED_OUT_AFTER: Outage.time_out_after,
    Fault.TIMED_OUT_FOR_LONG: Outage.time_out_after,
    Fault.DIED_BEFORE: Outage.die_before,
    Fault.DIED_AFTER: Outage.die_after,
    Fault.TWICE: Outage.deliver_twice,
    Fault.LATE: Outage.deliver_again_later,
}


class _Body(BytesIO):
    def stream(self, **_: Any) -> Iterator[bytes]:
        yield self.read()


_outage: Outage | None = None
_apart = threading.local()


def _meet(request: AWSPreparedRequest) -> AWSResponse | None:
    if _outage is None or is_apart() or "X-Amz-Target" not in request.headers:
        return None
    return _outage.meet(request)


interceptors.append(_meet)


@contextmanager
def outage(fault: Fault, at: int) -> Iterator[Outage]:
    """Let one request within fail, whichever thread sends it."""
    global _outage
    _outage = met = Outage(fault, at)
    try:
        yield met
    finally:
        _outage = None
        for request in met.late:
            perform(request)


def is_apart() -> bool:
    """Whether this thread's requests come from another process."""
    return bool(getattr(_apart, "depth", 0))


@contextmanager
def apart() -> Iterator[None]:
    """Requests of this thread within come from another process: they neither fail nor count."""
    _apart.depth = getattr(_apart, "depth", 0) + 1
    try:
        yield
    finally:
        _apart.depth -= 1


def _operation(request: AWSPreparedRequest) -> str:
    target = request.headers["X-Amz-Target"]
    return (target.decode() if isinstance(target, bytes) else str(target)).rpartition(".")[2]


def perform(request: AWSPreparedRequest) -> AWSResponse:
    """What the engine answers, once it has done what it was asked."""
    name = f"before-send.dynamodb.{_operation(request)}"
    return moto_answer(name, request) or URLLib3Session().send(request)


def answer_with(request: AWSPreparedRequest, status: int, content: bytes) -> AWSResponse:
    """A response as it comes from the network."""
    return AWSResponse(request.url, status, {"Content-Length": str(len(content))}, _Body(content))


def _refusal(request: AWSPreparedRequest, body: dict[str, Any]) -> AWSResponse:
    return answer_with(request, 400, json.dumps(body).encode())
