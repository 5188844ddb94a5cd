"""Time that passes by pauses and requests alone, so that what takes minutes is tested in seconds."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest

from chatkeep import retrying
from chatkeep.models.session import Session


@dataclass
class SlowTime:
    """`time.monotonic` stands at `moment`; each request to DynamoDB takes `request_seconds`."""

    request_seconds: float
    moment: float

    def pass_by(self, seconds: float) -> None:
        self.moment += seconds


@contextmanager
def passing(monkeypatch: pytest.MonkeyPatch, request_seconds: float) -> Iterator[SlowTime]:
    """Replaces the clock of pauses and deadlines. Requests that a looker makes take no time."""
    slow = SlowTime(request_seconds, time.monotonic())
    events = Session._get_connection().connection.client.meta.events

    def take(**_: Any) -> None:
        slow.pass_by(slow.request_seconds)

    with monkeypatch.context() as patched:
        patched.setattr(time, "monotonic", lambda: slow.moment)
        patched.setattr(retrying, "sleep", slow.pass_by)
        events.register("after-call.dynamodb", take)
        try:
            yield slow
        finally:
            events.unregister("after-call.dynamodb", take)
