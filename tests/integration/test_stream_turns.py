"""Turns whose answers stream: over HTTP, from a server as the adapter calls it."""

from collections.abc import Callable, Iterator
from datetime import timedelta

import httpx
import pytest

from chatkeep import ids
from chatkeep.deadline import Deadline
from chatkeep.models.event_batch import EventBatch
from chatkeep.models.session import Session
from chatkeep.streams.following import Following
from chatkeep.turns import lease
from chatkeep.turns.lease import Sender
from functions.stream.app import app
from tests.chat import deployment, new_session
from tests.client import Client
from tests.front_ends import Chat
from tests.streaming import StreamClient, frames, headers_of, served, words

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


def test_an_error_outside_of_its_route_is_a_failure_of_the_function(url: str, user_id: str) -> None:
    """The adapter takes 502 for one, and passes on any other status."""
    headers = headers_of(user_id) | {"x-amzn-request-context": b'{"requestTimeEpoch": "no number"}'}
    answer = httpx.get(f"{url}/chat/any/stream", headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (502, "internal_error")


def test_a_turn_that_dies_before_its_first_event_is_lost_to_whoever_saw_it_run(
    api: Client, user_id: str, pass_time: Callable[[timedelta], None]
) -> None:
    session_id, turn_id = new_session(api), ids.new()
    lease.acquire(Sender(user_id, session_id, turn_id, Deadline.within(60).lease_expiry()), Session.sk.exists())
    following = Following(user_id, session_id, turn_id)
    assert list(following.look()) == []
    pass_time(timedelta(hours=1))
    (lost,) = following.look()
    assert (lost.name, lost.data["code"], following.is_over) == ("error", "turn_lost", True)


def test_what_an_attempt_has_told_that_failed_is_left_out_while_the_turn_runs_again(
    api: Client, stream: StreamClient, user_id: str
) -> None:
    session_id = new_session(api, model_name="scripted:fail")
    turn_id = frames(stream.post(session_id, "hello", key="once").text)[0].data["turn_id"]
    failed = Following(user_id, session_id, turn_id)
    assert [one.name for one in failed.look()] == ["turn", "error"]
    lease.acquire(Sender(user_id, session_id, turn_id, Deadline.within(60).lease_expiry()), Session.sk.exists())
    again = Following(user_id, session_id, turn_id)
    assert (list(again.look()), again.is_over) == ([], False)


def test_a_turn_is_told_once_while_its_copy_is_deleted_piece_by_piece(
    api: Client, stream: StreamClient, user_id: str, pass_time: Callable[[timedelta], None]
) -> None:
    session_id = new_session(api, model_name="scripted:slow")
    turn_id = frames(stream.post(session_id, "one two three four five six").text)[0].data["turn_id"]
    _, second, *_ = EventBatch.among(user_id, session_id, first=f"{turn_id}#", last=f"{turn_id}#~")
    pass_time(timedelta(hours=2))
    second.delete()
    again = frames(stream.resume(session_id, turn_id).text)
    assert words(again) == "echo: one two three four five six"
    assert [one.name for one in again] == ["turn", "token", "message", "done"]


def test_a_graph_that_asks_the_process_to_end_fails_its_own_turn(
    api: Client, stream: StreamClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    session_id = new_session(api)
    with deployment(monkeypatch, {"GRAPH": "tests.graphs:leaving"}):
        found = frames(stream.post(session_id, "hello").text)
    assert [(one.name, one.data.get("code")) for one in found] == [("turn", None), ("error", "graph_failed")]
    assert words(frames(stream.post(session_id, "and now").text)) == "echo: and now"
