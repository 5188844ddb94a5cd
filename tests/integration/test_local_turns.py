"""Turns through the real runner and the real functions: streamed, taken up again after a cut, in the background."""

import json
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.runner import Runner, running
from tests.streaming import frames, words
from tests.waiting import wait_until

pytestmark = pytest.mark.thorough


@pytest.fixture
def runner(tmp_path: Path) -> Iterator[Runner]:
    with running(tmp_path, environment={"DEFAULT_MODEL": "scripted:slow"}) as runner:
        yield runner


@pytest.fixture
def client(runner: Runner) -> Iterator[httpx.Client]:
    with runner.client() as client:
        yield client


@pytest.fixture
def session(client: httpx.Client) -> str:
    """The path of a new session."""
    return f"/sessions/{client.post('/sessions', json={}).json()['session_id']}"


def test_a_turn_is_streamed_as_it_is_made_and_taken_up_where_the_connection_was_cut(
    client: httpx.Client, session: str
) -> None:
    with client.stream("POST", f"{session}/messages/stream", json={"content": "one two three four"}) as response:
        cut = ""
        for piece in response.iter_text():
            cut += piece
            if words(frames(cut)):
                break
    before = frames(cut)
    assert response.status_code == 200
    assert "done" not in {one.name for one in before}
    stream = f"{session}/turns/{before[0].data['turn_id']}/stream"
    rest = frames(client.get(stream, headers={"Last-Event-ID": str(before[-1].number)}).text)
    assert words([*before, *rest]) == rest[-1].data["message"]["content"]
    assert rest[-1].name == "done"


def test_a_background_turn_is_run_by_the_worker_at_once(client: httpx.Client, session: str) -> None:
    answer = client.post(f"{session}/messages", json={"content": "take your time", "background": True})
    assert answer.status_code == 202, answer.text
    stream = client.get(f"{session}/turns/{answer.json()['turn_id']}/stream")
    assert frames(stream.text)[-1].name == "done"
    wait_until(lambda: len(client.get(f"{session}/messages").json()["messages"]) == 2)


def test_a_client_cannot_choose_who_it_is(client: httpx.Client, session: str) -> None:
    forged = json.dumps({"authorizer": {"claims": {"sub": "mallory"}}})
    headers = {"x-amzn-request-context": forged}
    mine = client.post(f"{session}/messages/stream", json={"content": "mine"}, headers=headers)
    assert frames(mine.text)[-1].name == "done"
