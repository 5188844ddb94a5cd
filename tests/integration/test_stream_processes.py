"""Two processes of the function that streams, on the same tables, one of which dies."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from infra.local.engine import free_port
from tests.client import STACK
from tests.engines import with_tables
from tests.stream_cuts import cut, rest_of, whole
from tests.streaming import StreamClient, frames, words
from tests.waiting import wait_until

ROOT = Path(__file__).parents[2]
NEW_SESSION = """
import sys
from tests.chat import new_session
from tests.client import Client
print(new_session(Client(sys.argv[1])))
"""
SERVE = ("-m", "uvicorn", "functions.stream.app:app", "--host", "127.0.0.1", "--log-level", "error")


@pytest.fixture(scope="module")
def environment() -> Iterator[dict[str, str]]:
    """That of processes which share a DynamoDB of their own."""
    with with_tables("dynoxide", STACK) as engine:
        assert engine.endpoint
        path = os.pathsep.join([str(ROOT), str(ROOT / "layers" / "shared")])
        more = {"DYNAMODB_ENDPOINT": engine.endpoint, "PYTHONPATH": path, "DEFAULT_MODEL": "scripted:slow"}
        yield {**os.environ, **more}


@contextmanager
def process(environment: dict[str, str], user_id: str) -> Iterator[tuple[StreamClient, subprocess.Popen[bytes]]]:
    """A process that serves, and a client of it."""
    port = free_port()
    server = subprocess.Popen([sys.executable, *SERVE, "--port", str(port)], env=environment, cwd=ROOT)
    client = StreamClient(f"http://127.0.0.1:{port}", user_id)

    def listens() -> bool:
        try:
            return httpx.get(f"{client.url}/ready").status_code == 200
        except httpx.TransportError:
            return False

    try:
        wait_until(listens, 60)
        yield client, server
    finally:
        server.kill()
        server.wait()


@pytest.fixture
def session_id(environment: dict[str, str], user_id: str) -> str:
    made = subprocess.run(
        [sys.executable, "-c", NEW_SESSION, user_id], env=environment, cwd=ROOT, capture_output=True, text=True
    )
    assert made.returncode == 0, made.stderr
    return made.stdout.split()[-1]


@pytest.mark.thorough
def test_a_stream_goes_on_in_another_process(environment: dict[str, str], session_id: str, user_id: str) -> None:
    with process(environment, user_id) as (first, _), process(environment, user_id) as (second, _):
        path = f"/sessions/{session_id}/messages/stream"
        content = "one two three four"
        for length in (900, 1_000, 1_100):
            got = cut(first, path, lambda got, length=length: len(got) == length, content=content)  # type: ignore[misc]
            turn_id = frames(got.decode())[0].data["turn_id"]
            all_of_it = whole(got) + rest_of(second, session_id, turn_id, got)
            assert all_of_it == first.resume(session_id, turn_id).content
            assert words(frames(all_of_it.decode())) == f"echo: {content}"


@pytest.mark.thorough
def test_a_process_that_is_killed_blocks_its_session_for_thirty_seconds_at_most(
    environment: dict[str, str], session_id: str, user_id: str
) -> None:
    with process(environment, user_id) as (first, server), process(environment, user_id) as (second, _):
        path = f"/sessions/{session_id}/messages/stream"
        got = cut(first, path, lambda got: b"event: token" in got and got.endswith(b"\n\n"), content=" ".join("many"))
        server.kill()
        found = frames(got.decode())
        rest = frames(second.resume(session_id, found[0].data["turn_id"], found[-1].number).text)
        assert [(one.name, one.data["code"]) for one in rest] == [("error", "turn_lost")]
        assert rest[-1].number == found[-1].number
        assert words(frames(second.post(session_id, "again").text)) == "echo: again"
