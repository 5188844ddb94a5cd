"""The transcript for `useChat` while a turn streams: it ends with the question whose answer is on its way."""

import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pytest

from functions.stream.app import app
from tests import graphs
from tests.chat import deployment, new_session, sent
from tests.client import Client
from tests.streaming import StreamClient, served
from tests.waiting import wait_until


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """Lets the model answer."""
    opened = threading.Event()
    graphs.meanwhile.append(opened.wait)
    with deployment(monkeypatch, {"GRAPH": "tests.graphs:gated"}):
        yield opened
    graphs.meanwhile.pop()


@contextmanager
def asking(user_id: str, session_id: str, content: str, gate: threading.Event) -> Iterator[Future[Any]]:
    """A streamed turn that waits for the gate."""
    with served(app) as url, ThreadPoolExecutor(1) as pool:
        try:
            yield pool.submit(StreamClient(url, user_id).post, session_id, content)
        finally:
            gate.set()


def shown(api: Client, session_id: str, query: str = "", cursor: str = "") -> list[dict[str, Any]]:
    """The messages of all pages."""
    path = f"/sessions/{session_id}/messages?format=ui{query}"
    answer = api.get(f"{path}&cursor={cursor}" if cursor else path)
    assert answer.status == 200, answer.text
    page, following = answer.json["messages"], answer.json["next_cursor"]
    return [*page, *shown(api, session_id, query, following)] if following else list(page)


def test_a_page_that_is_opened_in_mid_stream_shows_the_question_once(api: Client, gate: threading.Event) -> None:
    session_id = new_session(api)
    sent(api, session_id, "quick one")
    before = shown(api, session_id)
    with asking(str(api.user_id), session_id, "And two?", gate) as turn:
        wait_until(lambda: len(shown(api, session_id)) > len(before))
        *old, question = meanwhile = shown(api, session_id)
        for limit in (1, 2, 3, 4):
            assert shown(api, session_id, f"&limit={limit}") == meanwhile
            assert shown(api, session_id, f"&limit={limit}&order=desc") == meanwhile[::-1]
        gate.set()
        turn.result()
    assert old == before
    assert question["parts"] == [{"type": "text", "text": "And two?"}]
    assert shown(api, session_id)[:-1] == meanwhile


def test_the_first_question_of_a_session_is_shown_as_well(api: Client, gate: threading.Event) -> None:
    session_id = new_session(api)
    with asking(str(api.user_id), session_id, "And one?", gate):
        wait_until(lambda: bool(shown(api, session_id)))
        (question,) = shown(api, session_id, "&limit=1&order=desc")
    assert [one["role"] for one in shown(api, session_id)] == ["user", "assistant"]
    assert shown(api, session_id)[0] == question
