"""A DynamoDB that cannot be had: the requests of every client in the process go to a socket that does not answer."""

import math
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from botocore.awsrequest import AWSPreparedRequest

from tests.engines import TO_ITS_URL, interceptors
from tests.faults.injector import is_apart


class Silence(StrEnum):
    ACCEPTING = "takes the request and says nothing"
    REFUSING = "refuses the connection"


@dataclass
class Outage:
    """From the request numbered `at` on, counted from 0, all go to `port`; `sent` counts those, repetitions too.

    They are given up after `patience` seconds; what the engine answers has the time that it has outside of tests.
    """

    port: int
    at: float
    patience: float = math.inf
    count: int = 0
    sent: int = 0

    def begin(self) -> None:
        self.at = 0

    def meet(self, request: AWSPreparedRequest) -> Any:
        if "X-Amz-Target" not in request.headers or is_apart():
            return None
        self.count += 1
        if self.count <= self.at:
            return None
        self.sent += 1
        request.url = f"http://127.0.0.1:{self.port}/"
        request.context["read_timeout"] = min(request.context["read_timeout"], self.patience)
        return TO_ITS_URL


@contextmanager
def silent(kind: Silence = Silence.ACCEPTING, at: float = 0, patience: float = math.inf) -> Iterator[Outage]:
    """No request within is answered, but for the first `at`; each ends after `patience` seconds at the latest."""
    with socket.create_server(("127.0.0.1", 0), backlog=128) as server:
        outage = Outage(server.getsockname()[1], at, patience)
        if kind is Silence.REFUSING:
            server.close()
        interceptors.append(outage.meet)
        try:
            yield outage
        finally:
            interceptors.remove(outage.meet)


NOT_YET = math.inf
