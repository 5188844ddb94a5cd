"""The transcript for `useChat` while a turn streams: it ends with the question whose answer is on its way."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest

from chatkeep import retrying
from functions.stream.app import app
from tests import graphs
from tests.chat import deployment, new_session, sent
from tests.client import Client
from tests.streaming import StreamClient, served


@dataclass(frozen=True)
class Gate:
    """A model that is `reached` answers once the gate is `opened`."""

    reached: threading.Event = field(default_factory=threading.Event)
    opened: threading.Event = field(default_factory=threading.Event)

    def wait(self) -> None:
        self.reached.set()
        self.opened.wait(30)

    @contextmanager
    def holding(self, ask: Callable[..., Any], *question: str) -> Iterator[None]:
        """While the question is with the model."""
        with ThreadPoolExecutor(1) as pool:
            asking = pool.submit(ask, *question)
            assert self.reached.wait(30)
            try:
                yield
            finally:
                self.opened.set()
            asking.result()


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch) -> Iterator[Gate]:
    made = Gate()
    graphs.meanwhile.append(made.wait)
    with deployment(monkeypatch, {"GRAPH": "tests.graphs:gated"}):
        yield made
    graphs.meanwhile.pop()


@pytest.fixture
def stream(user_id: str) -> Iterator[StreamClient]:
    with served(app) as url:
        yield StreamClient(url, user_id)


def shown(api: Client, session_id: str, query: str = "", cursor: str = "") -> list[dict[str, Any]]:
    """The messages of all pages."""
    path = f"/sessions/{session_id}/messages?format=ui{query}"
    answer = api.get(f"{path}&cursor={cursor}" if cursor else path)
    assert answer.status == 200, answer.text
    page, following = answer.json["messages"], answer.json["next_cursor"]
    return [*page, *shown(api, session_id, query, following)] if following else list(page)


def test_a_page_that_is_opened_in_mid_stream_shows_the_question_once(
    api: Client, stream: StreamClient, gate: Gate
) -> None:
    session_id = new_session(api)
    sent(api, session_id, "quick one")
    before = shown(api, session_id)
    with gate.holding(stream.post, session_id, "And two?"):
        *old, question = meanwhile = shown(api, session_id)
        for limit in (1, 2, 3, 4):
            assert shown(api, session_id, f"&limit={limit}") == meanwhile
            assert shown(api, session_id, f"&limit={limit}&order=desc") == meanwhile[::-1]
    assert old == before
    assert question["parts"] == [{"type": "text", "text": "And two?"}]
    assert shown(api, session_id)[:-1] == meanwhile


def test_the_first_question_of_a_session_is_shown_as_well(api: Client, stream: StreamClient, gate: Gate) -> None:
    session_id = new_session(api)
    with gate.holding(stream.post, session_id, "And one?"):
        (question,) = shown(api, session_id, "&limit=1&order=desc")
    assert [one["role"] for one in shown(api, session_id)] == ["user", "assistant"]
    assert shown(api, session_id)[0] == question


def test_a_question_that_had_failed_is_shown_last_while_it_is_asked_again(
    api: Client, stream: StreamClient, gate: Gate
) -> None:
    session_id = new_session(api, model_name="scripted:fail")
    gate.opened.set()
    stream.post(session_id, "one", key="once")
    api.patch(f"/sessions/{session_id}", json={"model_name": "scripted:echo"})
    sent(api, session_id, "two")
    before = shown(api, session_id)
    gate.reached.clear()
    gate.opened.clear()
    with gate.holding(lambda: stream.post(session_id, "one", key="once")):
        *old, question = shown(api, session_id)
    assert old == before
    assert shown(api, session_id)[:-1] == [*before, question]


@pytest.mark.parametrize("again", [pytest.param("one", marks=pytest.mark.thorough), "two"])
def test_an_answer_that_is_made_again_is_gone_with_all_after_it(
    api: Client, stream: StreamClient, gate: Gate, again: str
) -> None:
    session_id = new_session(api)
    gate.opened.set()
    said = {words: sent(api, session_id, words) for words in ("one", "two")}
    before = shown(api, session_id)
    kept = before[: 1 if again == "one" else 3]
    gate.reached.clear()
    gate.opened.clear()
    with gate.holding(stream.again, session_id, said[again]["message"]["message_id"]):
        for limit in (1, 2, 5):
            assert shown(api, session_id, f"&limit={limit}") == kept
            assert shown(api, session_id, f"&limit={limit}&order=desc") == kept[::-1]
    assert shown(api, session_id)[:-1] == kept


def test_a_later_page_is_empty_while_an_answer_before_it_is_made_again(
    api: Client, stream: StreamClient, gate: Gate
) -> None:
    session_id = new_session(api)
    gate.opened.set()
    first, *_ = [sent(api, session_id, words)["message"]["message_id"] for words in ("one", "two", "three")]
    path = f"/sessions/{session_id}/messages?format=ui&limit=4"
    cursor = api.get(path).json["next_cursor"]
    gate.reached.clear()
    gate.opened.clear()
    with gate.holding(stream.again, session_id, first):
        assert api.get(f"{path}&cursor={cursor}").json == {"messages": [], "next_cursor": None}


def test_nobody_waits_for_the_events_of_a_turn_that_keeps_none(
    api: Client, gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    session_id = new_session(api)
    naps: list[float] = []
    monkeypatch.setattr(retrying, "nap", lambda longest, left: naps.append(left) or False)
    with gate.holding(lambda: api.post(f"/sessions/{session_id}/messages", json={"content": "And?"})):
        assert shown(api, session_id) == []
    assert max(naps) < 0


def test_a_session_names_the_turn_that_runs(api: Client, stream: StreamClient, gate: Gate) -> None:
    session_id = new_session(api)
    assert api.get(f"/sessions/{session_id}").json["running_turn_id"] is None
    with gate.holding(stream.post, session_id, "And two?"):
        running = api.get(f"/sessions/{session_id}").json["running_turn_id"]
    assert api.get(f"/sessions/{session_id}").json["running_turn_id"] is None
    assert [one["turn_id"] for one in api.get(f"/sessions/{session_id}/turns").json["turns"]] == [running]
