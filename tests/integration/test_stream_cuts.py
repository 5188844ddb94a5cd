"""Streams that are cut, at any byte, while their turn runs and after it, and taken up again: over HTTP."""

from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from chatkeep.streams import copy
from functions.stream import looking
from functions.stream.app import app
from tests import told_graphs
from tests.cases import one_in
from tests.chat import deployment, new_session
from tests.client import Client
from tests.streaming import StreamClient, frames, headers_of, served, words
from tests.told_graphs import Script, Step

STEPS = (
    Step(["Let ", "me "], ["hm"], [{"at": "work\u2028"}], ["call"]),
    Step(result="f\u00f6und"),
    Step(["It ", "\ud83d", "\ude00", " is"]),
)
FRAMES = 13
"""Of a stream of these steps."""
LONGEST = 2_500
"""Bytes of a shorter one."""
client = httpx.Client(timeout=30)


@pytest.fixture(scope="module")
def urls() -> Iterator[tuple[str, str]]:
    """Two servers on the same tables."""
    with served(app) as first, served(app) as second:
        yield first, second


@pytest.fixture(autouse=True)
def spoken(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The deployment's graph follows the script; copies are written and looked at often."""
    monkeypatch.setattr(copy, "BETWEEN_SECONDS", 0.03)
    monkeypatch.setattr(looking, "LOOK_SECONDS", 0.02)
    monkeypatch.setattr(told_graphs, "script", [Script(STEPS)])
    with deployment(monkeypatch, {"GRAPH": "tests.told_graphs:spoken"}):
        yield


@pytest.fixture
def stream(urls: tuple[str, str], user_id: str) -> StreamClient:
    return StreamClient(urls[0], user_id)


@pytest.fixture
def other(urls: tuple[str, str], user_id: str) -> StreamClient:
    return StreamClient(urls[1], user_id)


@pytest.fixture
def session_id(api: Client) -> str:
    return new_session(api)


def cut(stream: StreamClient, path: str, enough: Callable[[bytes], bool], **body: Any) -> bytes:
    """The bytes of a stream up to the one that is enough; then the connection is closed."""
    method = "POST" if body else "GET"
    got = b""
    headers = headers_of(stream.user_id)
    with client.stream(method, stream.url + path, headers=headers, json=body or None) as response:
        assert response.status_code == 200, response.read()
        for byte in response.iter_bytes(1):
            got += byte
            if enough(got):
                break
    return got


def whole(got: bytes) -> bytes:
    """The frames of these bytes that have come whole."""
    return got[: got.rfind(b"\n\n") + 2] if b"\n\n" in got else b""


def rest_of(stream: StreamClient, session_id: str, turn_id: str, got: bytes) -> bytes:
    """The stream after the last whole frame of these bytes."""
    found = frames(got.decode(errors="replace"))
    last = {"last_event_id": str(found[-1].number)} if found else {}
    path = f"{stream.url}/sessions/{session_id}/turns/{turn_id}/stream"
    return client.get(path, headers=headers_of(stream.user_id, **last)).content


def after(count: int, more: int) -> Callable[[bytes], bool]:
    """Whether so many frames have come, and so many bytes of the next one."""

    def enough(got: bytes) -> bool:
        parts = got.split(b"\n\n")
        return len(parts) - 1 >= count and len(parts[count] if len(parts) > count else b"") >= more

    return enough


@pytest.mark.parametrize(("count", "more"), one_in(13, [(one, more) for one in range(1, FRAMES) for more in (0, 9)]))
def test_a_stream_that_is_cut_while_its_turn_runs_goes_on_where_it_was_cut(
    stream: StreamClient, other: StreamClient, session_id: str, count: int, more: int
) -> None:
    told_graphs.script[-1].pause = 0.03
    got = cut(stream, f"/sessions/{session_id}/messages/stream", after(count, more), content="hi")
    turn_id = frames(got.decode(errors="replace"))[0].data["turn_id"]
    rest = rest_of(other, session_id, turn_id, got)
    assert whole(got) + rest == stream.resume(session_id, turn_id).content
    assert len(frames((whole(got) + rest).decode())) == FRAMES


@pytest.mark.parametrize(("beginning", "apart"), one_in(26, [(1, 311), *((at, 1) for at in range(1, LONGEST, 100))]))
def test_a_stream_that_is_cut_at_any_byte_after_its_turn_goes_on_where_it_was_cut(
    stream: StreamClient, other: StreamClient, session_id: str, beginning: int, apart: int
) -> None:
    told_graphs.script[-1].steps = [Step(["It ", "is"])]
    uncut = stream.post(session_id, "hi").content
    turn_id = frames(uncut.decode())[0].data["turn_id"]
    path = f"/sessions/{session_id}/turns/{turn_id}/stream"
    assert len(uncut) < LONGEST
    last = len(uncut) if apart > 1 else min(beginning + 99, len(uncut))
    for length in range(beginning, last + 1, apart):
        got = cut(stream, path, lambda got, length=length: len(got) == length)  # type: ignore[misc]
        assert got == uncut[:length]
        assert whole(got) + rest_of(other, session_id, turn_id, got) == uncut


def test_a_stream_holds_what_is_stored(stream: StreamClient, api: Client, session_id: str) -> None:
    found = frames(stream.post(session_id, "hi").text)
    names = ["turn", "custom", "reasoning", "token", "token", "tool_call", "tool_result"]
    assert [one.name for one in found] == [*names, "token", "token", "token", "message", "message", "done"]
    stored = api.get(f"/sessions/{session_id}/messages").json["messages"]
    said = [one for one in stored if one["role"] == "assistant"]
    assert [one.data for one in found if one.name == "message"] == said
    assert words(found) == "".join(one["content"] for one in said) == "Let me It \U0001f600 is"
