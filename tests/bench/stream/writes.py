"""Capacity of a long streamed turn, with the stored copy of its events and without: counted in this process."""

from typing import Any

import httpx

from functions.stream.app import app
from tests.bench.conversation import Row, numbers
from tests.bench.meter import Meter
from tests.bench.stream.report import CANCELLED, RESUMABLE
from tests.client import Client
from tests.engines import Engine
from tests.streaming import headers_of, served

TOKENS_PER_SECOND = 50


def rows(engine: Engine, seconds: int) -> dict[str, Row]:
    """What a turn asks of DynamoDB that streams for so many seconds, by what becomes of it when its client leaves."""
    from chatkeep.models.session import Session

    meter = Meter(Session._get_connection().connection.client, engine.client)
    with served(app) as url:
        return {kind: _turn(meter, url, kind, seconds) for kind in (RESUMABLE, CANCELLED)}


def _turn(meter: Meter, url: str, on_disconnect: str, seconds: int) -> Row:
    user_id = f"user-{on_disconnect}"
    session_id = Client(user_id).post("/sessions", json={}).json["session_id"]

    def ask(content: str) -> None:
        body: dict[str, Any] = {"content": content, "on_disconnect": on_disconnect}
        path = f"{url}/sessions/{session_id}/messages/stream"
        answer = httpx.post(path, json=body, headers=dict(headers_of(user_id)), timeout=seconds + 60)
        assert "event: done" in answer.text, answer.text[-500:]

    ask("2 0")
    with meter.measure() as usage:
        ask(f"{seconds * TOKENS_PER_SECOND} {1 / TOKENS_PER_SECOND}")
    return {"seconds": seconds, **numbers(usage)}
