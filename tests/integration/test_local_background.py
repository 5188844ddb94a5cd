"""Background turns on the local runner, also those whose worker is killed in their middle."""

import json
import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.engines import Engine, start_engine
from tests.runner import Runner, running
from tests.waiting import wait_until

CLAIM_ENDS_SECONDS = 150
"""More than the claim of a worker that died, and the runner's first retry."""
pytestmark = pytest.mark.thorough
Item = dict[str, Any]


@pytest.fixture
def engine() -> Iterator[Engine]:
    engine = start_engine("dynoxide")
    yield engine
    engine.end()


def contents(engine: Engine, session_id: str) -> dict[str, Item]:
    """The items of a session by their sort keys, and its header."""
    items = engine.client.scan(TableName="chatkeep-SessionsTable", ConsistentRead=True)["Items"]
    return {item["sk"]["S"]: item for item in items if session_id in item["pk"]["S"] + item["sk"]["S"]}


def asked(client: httpx.Client, model: str, content: str) -> tuple[str, str]:
    """A session, and the turn that was asked for there."""
    session_id = client.post("/sessions", json={"model_name": model}).json()["session_id"]
    body = {"content": content, "background": True}
    taken = client.post(f"/sessions/{session_id}/messages", json=body, headers={"Idempotency-Key": "k"})
    assert taken.status_code == 202, taken.text
    return session_id, taken.json()["turn_id"]


def said(client: httpx.Client, session_id: str) -> list[str]:
    return [one["content"] for one in client.get(f"/sessions/{session_id}/messages").json()["messages"]]


def kill_the_worker(runner: Runner, when: Callable[[], object]) -> None:
    """Kill the worker as soon as there is a reason for it."""
    wait_until(when, 60)
    for pid in runner.children("functions.worker"):
        os.kill(pid, signal.SIGKILL)


def test_a_background_turn_is_run_within_seconds(tmp_path: Path) -> None:
    with running(tmp_path) as runner, runner.client() as client:
        session_id, _ = asked(client, "scripted:echo", "hello")
        wait_until(lambda: said(client, session_id) == ["hello", "echo: hello"], 60)


def test_a_turn_whose_worker_is_killed_is_run_again_unless_it_has_begun_to_speak(
    tmp_path: Path, engine: Engine
) -> None:
    with (
        running(tmp_path, environment={"DYNAMODB_ENDPOINT": engine.endpoint or ""}) as runner,
        runner.client() as client,
    ):
        heard, lost = asked(client, "scripted:slow", "one two three")
        kill_the_worker(runner, lambda: any(sk.startswith("EVENTS#") for sk in contents(engine, heard)))
        unheard, _ = asked(client, "scripted:slow", "four five six")
        kill_the_worker(runner, lambda: "lease_owner" in contents(engine, unheard)[f"SESSION#{unheard}"])

        def have_ended() -> bool:
            runner.invoke("SweepFunction")
            return all(not any("JOB#" in sk for sk in contents(engine, one)) for one in (heard, unheard))

        wait_until(have_ended, CLAIM_ENDS_SECONDS)
        assert (said(client, heard), said(client, unheard)) == ([], ["four five six", "echo: four five six"])
    record = contents(engine, heard)[f"TURN#{lost}"]
    assert (record["status"]["S"], json.loads(record["error"]["S"])["code"]) == ("failed", "turn_lost")
