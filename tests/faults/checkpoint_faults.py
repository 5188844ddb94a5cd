"""A DynamoDB client that fails at one request: before it arrives, after it was done, for good, or by doing it twice."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

from botocore.exceptions import ClientError, ReadTimeoutError

Fault = Literal["throttled", "timed out after success", "dead", "delivered twice"]
FAULTS: tuple[Fault, ...] = ("throttled", "timed out after success", "dead", "delivered twice")


class DiedError(Exception):
    """The process is gone; nothing that it would have done later happens."""


@dataclass
class FaultyClient:
    """Passes requests on and lets the one numbered `at` fail; `hit` says whether there was one."""

    client: Any
    at: int
    fault: Fault
    count: int = field(default=0, init=False)
    hit: bool = field(default=False, init=False)

    def __getattr__(self, name: str) -> Any:
        found = getattr(self.client, name)
        if name in ("exceptions", "meta") or not callable(found):
            return found
        return lambda **request: self._send(found, request)

    def _send(self, operation: Callable[..., Any], request: dict[str, Any]) -> Any:
        self.count += 1
        if self.hit and self.fault == "dead":
            raise DiedError
        if self.count != self.at + 1:
            return operation(**request)
        self.hit = True
        if self.fault == "throttled":
            error = {"Code": "ProvisionedThroughputExceededException", "Message": "too fast"}
            raise ClientError({"Error": error}, operation.__name__)  # type: ignore[typeddict-item]
        if self.fault == "dead":
            raise DiedError
        answer = operation(**request)
        if self.fault == "timed out after success":
            raise ReadTimeoutError(endpoint_url="https://dynamodb")
        return operation(**request) if operation.__name__ != "transact_write_items" else answer
