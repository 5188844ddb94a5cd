"""Turns whose answers stream: over HTTP, from a server as the adapter calls it."""

from collections.abc import Iterator

import pytest

from functions.stream.app import app
from tests.chat import deployment, new_session
from tests.client import Client
from tests.front_ends import Chat
from tests.streaming import StreamClient, frames, served, words

MESSAGE = {"id": "m1", "role": "user", "parts": [{"type": "text", "text": "hello"}]}


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with served(app) as address:
        yield address


@pytest.fixture
def stream(url: str, user_id: str) -> StreamClient:
    return StreamClient(url, user_id)


def test_a_streamed_answer_is_the_stored_one(api: Client, stream: StreamClient) -> None:
    session_id = new_session(api)
    answer = stream.post(session_id, "one two three")
    found = frames(answer.text)
    assert answer.status_code == 200
    assert [one.name for one in found] == ["turn", *["token"] * 4, "message", "done"]
    assert [one.number for one in found] == list(range(1, 8))
    stored = api.get(f"/sessions/{session_id}/messages").json["messages"]
    assert words(found) == stored[-1]["content"] == "echo: one two three"
    assert found[-2].data == stored[-1]
    assert found[0].data["user_message"] == stored[0] == found[-1].data["user_message"]


def test_a_turn_is_streamed_again_byte_by_byte(api: Client, stream: StreamClient) -> None:
    session_id = new_session(api)
    first = stream.post(session_id, "one two three")
    turn_id = frames(first.text)[0].data["turn_id"]
    assert stream.resume(session_id, turn_id).text == first.text


def test_a_deployment_without_its_graph_answers_as_on_every_route(
    api: Client, url: str, user_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    session_id = new_session(api)
    with deployment(monkeypatch, {"GRAPH": "tests.graphs:no_such_graph"}):
        own = StreamClient(url, user_id).post(session_id, "hello")
        chat = Chat(url, user_id, messages=[MESSAGE]).post()
    assert (own.status_code, own.json()["status"], own.json()["code"]) == (502, 502, "internal_error")
    assert (chat.status_code, chat.text) == (502, "the function failed")
