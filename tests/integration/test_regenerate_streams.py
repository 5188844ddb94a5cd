"""Streams of answers that are made again: live, taken up from the stored copy, and made of the stored messages."""

from collections.abc import Iterator
from typing import Any

import pytest

from chatkeep.models.event_batch import EventBatch
from functions.stream.app import app
from tests.chat import deployment, new_session, sent, sent_again
from tests.client import Client
from tests.streaming import Frame, StreamClient, frames, served

GRAPHS = ["chatkeep.agent.graph:build_graph", "tests.graphs:agent"]


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with served(app) as address:
        yield address


@pytest.fixture
def stream(url: str, user_id: str) -> StreamClient:
    return StreamClient(url, user_id)


@pytest.fixture(params=GRAPHS, autouse=True)
def graph(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with deployment(monkeypatch, {"GRAPH": request.param}):
        yield


@pytest.fixture
def session_id(api: Client) -> str:
    made = new_session(api)
    sent(api, made, "before")
    return made


def without_tokens(found: list[Frame]) -> list[tuple[str, dict[str, Any]]]:
    return [(one.name, one.data) for one in found if one.name != "token"]


def remove_the_copy(api: Client, session_id: str) -> None:
    for item in EventBatch.among(api.user_id, session_id):
        item.delete()


def test_a_stream_tells_of_the_new_version_as_it_is_stored(api: Client, stream: StreamClient, session_id: str) -> None:
    first = sent(api, session_id, "one two")
    found = frames(stream.again(session_id, first["message"]["message_id"]).text)
    stored = api.get(f"/sessions/{session_id}/messages").json["messages"]
    question = next(at for at, one in enumerate(stored) if one["message_id"] == first["user_message"]["message_id"])
    assert found[0].data["user_message"] == first["user_message"] == stored[question]
    said = [one for one in stored[question + 1 :] if one["role"] == "assistant"]
    assert [one.data for one in found if one.name == "message"] == said
    for message in said:
        words = [
            one.data["text"] for one in found if one.name == "token" and one.data["message_id"] == message["message_id"]
        ]
        assert "".join(words) == message["content"]
    assert (found[-1].data["user_message"], found[-1].data["message"]) == (stored[question], stored[-1])


def test_a_replay_is_the_same_after_later_versions(api: Client, stream: StreamClient, session_id: str) -> None:
    first = frames(stream.post(session_id, "one two").text)
    message_id, turn_id = first[-1].data["message"]["message_id"], first[-1].data["turn_id"]
    second = stream.again(session_id, message_id, key="k")
    sent(api, session_id, "three")
    sent_again(api, session_id, message_id)
    second_id = frames(second.text)[-1].data["turn_id"]
    assert stream.again(session_id, message_id, key="k").text == second.text
    assert stream.resume(session_id, second_id).text == second.text
    remove_the_copy(api, session_id)
    for its_id, live in ((turn_id, first), (second_id, frames(second.text))):
        assert without_tokens(frames(stream.resume(session_id, its_id).text)) == without_tokens(live)


def test_a_refused_request_is_answered_as_a_problem(stream: StreamClient, session_id: str) -> None:
    refused = stream.again(session_id, "01234567-89ab-7def-8123-456789abcdef")
    assert (refused.status_code, refused.json()["code"]) == (404, "message_not_found")
