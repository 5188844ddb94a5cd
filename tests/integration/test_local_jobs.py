"""Deletions and erasures on the local runner, as they go on after everything, or only their worker, was killed."""

import json
import os
import re
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.engines import Engine, start_engine
from tests.runner import ROOT, RUN, Runner, running
from tests.waiting import wait_until

MARKER = "something that nobody may find afterwards"
TURNS = 6
PURGE_SECONDS = 8
Json = dict[str, Any]
# Of a machine behind a proxy, whose user works with another Lambda at other times.
CALLER = {
    "AWS_ENDPOINT_URL_LAMBDA": "http://127.0.0.1:9",
    "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true",
    "HTTP_PROXY": "http://127.0.0.1:9",
}


@pytest.fixture(scope="module")
def runner(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runner]:
    with running(tmp_path_factory.mktemp("data"), environment=CALLER) as runner:
        yield runner


def ok(response: httpx.Response, status: int) -> Json:
    assert response.status_code == status, response.text
    answer: Json = response.json()
    return answer


def conversation(client: httpx.Client, turns: int = 2, content: str = MARKER) -> str:
    session_id: str = ok(client.post("/sessions", json={"model_name": "scripted:echo", "title": MARKER}), 201)[
        "session_id"
    ]
    for _ in range(turns):
        ok(client.post(f"/sessions/{session_id}/messages", json={"content": content}), 200)
    return session_id


def deleted(client: httpx.Client, session_id: str) -> str:
    """The id of a deletion that was accepted."""
    receipt = ok(client.delete(f"/sessions/{session_id}?permanent=true"), 202)
    deletion_id: str = receipt["deletion_id"]
    return deletion_id


def status(client: httpx.Client, deletion_id: str) -> str:
    said: str = ok(client.get(f"/deletions/{deletion_id}"), 200)["status"]
    return said


def removed(client: httpx.Client, deletion_id: str, seconds: float = 30) -> dict[str, int]:
    """What a deletion has removed, once it is done."""
    wait_until(lambda: status(client, deletion_id) == "done", seconds)
    counts: dict[str, int] = client.get(f"/deletions/{deletion_id}").json()["removed"]
    return counts


def test_a_session_is_deleted_for_good_within_seconds(runner: Runner) -> None:
    with runner.client("alice") as client:
        session_id = conversation(client)
        counts = removed(client, deleted(client, session_id))
        assert client.get(f"/sessions/{session_id}").status_code == 404
    assert counts.pop("checkpoint_items") > 0
    assert counts == {"messages": 4, "turns": 2, "events": 0, "attachments": 0, "sessions": 1}


def test_a_user_is_erased_and_starts_anew(runner: Runner) -> None:
    with runner.client("bob") as client:
        for _ in range(2):
            conversation(client)
        erasure = ok(client.request("DELETE", "/me", json={"confirm": "bob"}), 202)
        counts = removed(client, erasure["deletion_id"])
        assert ok(client.get("/sessions"), 200)["sessions"] == []
        conversation(client)
    assert (counts["sessions"], counts["messages"], counts["turns"]) == (2, 8, 4)


@pytest.mark.thorough
def test_the_receipt_of_an_erasure_is_found_by_the_next_runner(tmp_path: Path) -> None:
    with running(tmp_path) as runner, runner.client("bob") as client:
        erasure = ok(client.request("DELETE", "/me", json={"confirm": "bob"}), 202)["deletion_id"]
        removed(client, erasure)
    with running(tmp_path) as runner, runner.client("bob") as client:
        assert status(client, erasure) == "done"
    assert (tmp_path / "erasure-secret").stat().st_mode & 0o077 == 0


def hurried(folder: Path) -> Path:
    """The template, with a purge whose claims end within seconds, and a sweep each minute."""
    text = (ROOT / "template.yaml").read_text(encoding="utf-8")
    purge = text.index("  PurgeFunction:")
    shorter = re.sub(r"Timeout: \d+", f"Timeout: {PURGE_SECONDS}", text[purge:], count=1)
    for name in ("functions", "infra", "layers"):
        (folder / name).symlink_to(ROOT / name)
    template = folder / "template.yaml"
    template.write_text(text[:purge].replace("rate(5 minutes)", "rate(1 minute)") + shorter, encoding="utf-8")
    return template


@pytest.mark.thorough
def test_a_deletion_that_was_accepted_survives_the_death_of_everything(tmp_path: Path) -> None:
    command = [*RUN, hurried(tmp_path)]
    with running(tmp_path / "data", command=command) as runner, runner.client() as client:
        session_id = conversation(client)
        deletion_id = deleted(client, session_id)
        runner.kill()
    with running(tmp_path / "data", command=command) as runner, runner.client() as client:
        counts = removed(client, deletion_id, 90)  # at once, unless a worker was fast enough to claim it
    assert (counts["sessions"], counts["messages"], counts["turns"]) == (1, 4, 2)


def kill_the_purge(runner: Runner) -> None:
    """Kill the workers of the purge function and nothing else."""
    workers = runner.children("functions.purge")
    assert workers
    for pid in workers:
        os.kill(pid, signal.SIGKILL)


def sweep(runner: Runner) -> int:
    """Have the sweep run now, as its schedule would; how many jobs were due."""
    due: int = json.loads(runner.invoke("SweepFunction"))["due"]
    return due


@pytest.fixture
def engine() -> Iterator[Engine]:
    engine = start_engine("dynoxide")
    yield engine
    engine.end()


def left(engine: Engine) -> list[str]:
    """The items of both tables that say what the session said."""
    tables = engine.client.list_tables()["TableNames"]
    items = [item for table in tables for item in engine.client.scan(TableName=table)["Items"]]
    return [str(item["sk"]) for item in items if MARKER in str(item)]


def begun(client: httpx.Client) -> str:
    """A deletion of a large session in its middle."""
    deletion_id = deleted(client, conversation(client, TURNS, MARKER + "x" * 90_000))
    wait_until(lambda: status(client, deletion_id) == "running")
    return deletion_id


def finished(runner: Runner, client: httpx.Client, deletion_id: str) -> dict[str, int]:
    """What was removed in the end, with a sweep now and then until it is done."""

    def is_done() -> bool:
        sweep(runner)
        return status(client, deletion_id) == "done"

    wait_until(is_done)
    return removed(client, deletion_id)


@pytest.mark.thorough
def test_a_purge_whose_worker_was_killed_is_carried_out_once_its_claim_has_ended(
    tmp_path: Path, engine: Engine
) -> None:
    command, environment = [*RUN, hurried(tmp_path)], {"DYNAMODB_ENDPOINT": engine.endpoint or ""}
    with running(tmp_path / "data", command=command, environment=environment) as runner, runner.client() as client:
        deletion_id = begun(client)
        kill_the_purge(runner)
        assert sweep(runner) == 0  # it is claimed
        assert left(engine) != []
        counts = finished(runner, client, deletion_id)
    assert (counts["sessions"], counts["messages"], counts["turns"]) == (1, 2 * TURNS, TURNS)
    assert left(engine) == []


@pytest.mark.thorough
def test_a_purge_whose_runner_was_killed_is_carried_out_by_the_next_one(tmp_path: Path, engine: Engine) -> None:
    command, environment = [*RUN, hurried(tmp_path)], {"DYNAMODB_ENDPOINT": engine.endpoint or ""}
    with running(tmp_path / "data", command=command, environment=environment) as runner, runner.client() as client:
        deletion_id = begun(client)
        runner.kill(with_children=False)
    with running(tmp_path / "data", command=command, environment=environment) as runner, runner.client() as client:
        counts = finished(runner, client, deletion_id)
    assert (counts["sessions"], counts["messages"], counts["turns"]) == (1, 2 * TURNS, TURNS)
    assert left(engine) == []
