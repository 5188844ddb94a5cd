"""Sixteen clients at once on one session of a real local runner, with repetitions and cancels."""

import random
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

import boto3
import httpx
import pytest

from chatkeep.checkpointer import DynamoDBSaver
from infra.local import engine
from tests import runner
from tests.views import read, transcript

CLIENTS = 16
TURNS = 500
STRATEGIES = ("reject", "enqueue", "interrupt", "rollback")
AGAIN = {"turn_in_progress": 409, "session_changed": 409, "turn_timed_out": 503}
"""Problems after which nothing is stored, with their status. A process that is still importing may run out of time."""


@dataclass
class Hammer:
    """`answers` has the acknowledged turns by question; each question has only one sender."""

    http: httpx.Client
    session_id: str
    answers: dict[str, dict[str, Any]] = field(default_factory=dict)
    rolled_back: set[str] = field(default_factory=set)

    def send(self, content: str, strategy: str) -> httpx.Response:
        return self.http.post(
            f"sessions/{self.session_id}/messages",
            json={"content": content, "strategy": strategy},
            headers={"Idempotency-Key": content},
        )

    def strike(self, strategy: str, number: int, seed: int) -> None:
        """One turn, repeated until it has an answer, now and then once more; now and then somebody's is cancelled."""
        chance = random.Random(f"{strategy}{seed}{number}")
        content = f"{strategy} {number} of {seed}"
        while not self._settled(content, self.send(content, strategy)):
            if chance.random() < 0.1:
                assert self.http.post(f"sessions/{self.session_id}/cancel").status_code in (202, 409)
            time.sleep(chance.uniform(0.05, 0.4))
        if content in self.answers and chance.random() < 0.2:
            assert self.send(content, strategy).json() == self.answers[content]

    def _settled(self, content: str, response: httpx.Response) -> bool:
        if response.status_code == 200:
            self.answers[content] = response.json()
            return True
        code = response.json()["code"]
        if code == "turn_rolled_back":
            assert response.status_code == 409, response.text
            self.rolled_back.add(content)
            return True
        assert response.status_code == AGAIN.get(code), response.text
        return False

    def slow_down(self, over: threading.Event) -> None:
        """Let a turn now and then take two seconds, so that there is something to cancel."""
        while not over.wait(3):
            for model_name in ("scripted:slow", "scripted:echo"):
                changed = self.http.patch(f"sessions/{self.session_id}", json={"model_name": model_name})
                assert changed.status_code == 200, changed.text
                over.wait(0.1)


@pytest.fixture(scope="module")
def endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    port = engine.free_port()
    process = engine.start_dynoxide(tmp_path_factory.mktemp("dynamodb"), port)
    yield f"http://127.0.0.1:{port}"
    engine.stop(process)


@pytest.fixture(scope="module")
def service(endpoint: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[runner.Runner]:
    folder: Path = tmp_path_factory.mktemp("chatkeep")
    variables = {"DYNAMODB_ENDPOINT": endpoint, "WORKERS": "6", "TURNS_PER_USER": "32"}
    with runner.running(folder, environment=variables) as started:
        yield started


@pytest.mark.thorough
def test_sixteen_clients_on_one_session_leave_three_views_that_agree(service: runner.Runner, endpoint: str) -> None:
    user_id = f"user-{uuid4()}"
    with service.client(user_id) as http:
        session_id = http.post("sessions", json={"model_name": "scripted:echo"}).json()["session_id"]
        hammer = Hammer(http, session_id)
        for strategy in STRATEGIES:
            strike_together(hammer, strategy)
        shown = transcript(http, session_id)
    dynamodb = boto3.client("dynamodb", endpoint_url=endpoint)
    found = read(dynamodb, user_id, session_id, shown, DynamoDBSaver("chatkeep-CheckpointsTable", dynamodb))
    found.check()
    found.check_nothing_is_pending()
    assert len(hammer.answers) + len(hammer.rolled_back) == TURNS
    assert len(found.turns) == TURNS
    answered = {one["content"]: one["turn_id"] for one in shown if one["role"] == "user"}
    assert answered == {content: answer["turn_id"] for content, answer in hammer.answers.items()}
    assert [one["role"] for one in shown] == ["user", "assistant"] * len(answered)


def strike_together(hammer: Hammer, strategy: str) -> None:
    """The strategy's share of the turns, by all clients at once."""
    over = threading.Event()
    with ThreadPoolExecutor(CLIENTS + 1) as clients:
        if strategy in ("reject", "enqueue"):
            over.set()
        slow = clients.submit(hammer.slow_down, over)
        turns = [
            clients.submit(hammer.strike, strategy, number, seed=number % CLIENTS)
            for number in range(TURNS // len(STRATEGIES))
        ]
        for turn in turns:
            turn.result()
        over.set()
        slow.result()
