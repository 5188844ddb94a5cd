"""Streams that are cut, at any byte, while their turn runs and after it, and taken up again: over HTTP."""

import pytest

from tests import told_graphs
from tests.cases import one_in
from tests.chat import new_session
from tests.client import Client
from tests.stream_cuts import after, cut, rest_of, whole
from tests.streaming import StreamClient, frames, words
from tests.told_graphs import Script, Step

STEPS = (
    Step(["Let ", "me "], ["hm"], [{"at": "work\u2028"}], ["call"]),
    Step(result="f\u00f6und"),
    Step(["It ", "\ud83d", "\ude00", " is"]),
)
FRAMES = 13
"""Of a stream of these steps."""
LONGEST = 3_500
"""Bytes of a shorter one."""


@pytest.fixture(autouse=True)
def script(monkeypatch: pytest.MonkeyPatch, spoken: None) -> Script:
    """What the deployment's graph says."""
    monkeypatch.setattr(told_graphs, "script", [Script(STEPS)])
    return told_graphs.script[-1]


@pytest.fixture
def session_id(api: Client) -> str:
    return new_session(api)


@pytest.mark.parametrize(("count", "more"), one_in(13, [(one, more) for one in range(1, FRAMES) for more in (0, 9)]))
def test_a_stream_that_is_cut_while_its_turn_runs_goes_on_where_it_was_cut(
    stream: StreamClient, other: StreamClient, session_id: str, script: Script, count: int, more: int
) -> None:
    script.pause = 0.03
    got = cut(stream, f"/sessions/{session_id}/messages/stream", after(count, more), content="hi")
    turn_id = frames(got.decode(errors="replace"))[0].data["turn_id"]
    rest = rest_of(other, session_id, turn_id, got)
    assert whole(got) + rest == stream.resume(session_id, turn_id).content
    assert len(frames((whole(got) + rest).decode())) == FRAMES


@pytest.mark.parametrize(("beginning", "apart"), one_in(31, [(1, 311), *((at, 7) for at in range(1, LONGEST, 100))]))
def test_a_stream_that_is_cut_anywhere_after_its_turn_goes_on_where_it_was_cut(
    stream: StreamClient, other: StreamClient, session_id: str, script: Script, beginning: int, apart: int
) -> None:
    script.steps = [Step(["It ", "is"])]
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
