"""Rules about Chatkeep's own stream, and about all frames."""

import json
from collections.abc import Callable, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatkeep.streams.event import Event, Name
from functions.stream.protocols.ag_ui import Run, RunEvents
from functions.stream.protocols.ai_sdk import UIMessageStream
from functions.stream.protocols.frames import HEARTBEAT, Encoder
from functions.stream.protocols.native import Native
from tests.protocols import sse
from tests.protocols.event_lists import few, turns
from tests.protocols.streamed import streamed

ENCODERS = [Native, UIMessageStream, lambda: RunEvents(Run("thread", "run"))]
each_protocol = pytest.mark.parametrize("make", ENCODERS, ids=["native", "ai_sdk", "ag_ui"])


def stream(make: Callable[[], Encoder], events: Sequence[Event | None]) -> bytes:
    return streamed(make(), events)


@each_protocol
@few
@given(turn=turns(), quiet=st.sets(st.integers(0, 20)))
def test_a_replay_has_the_bytes_of_the_live_stream(
    make: Callable[[], Encoder], turn: list[Event], quiet: set[int]
) -> None:
    slow: list[Event | None] = []
    for at, event in enumerate(turn):
        slow += [None, event] if at in quiet else [event]
    assert stream(make, slow).replace(HEARTBEAT, b"") == stream(make, turn) == stream(make, turn)


@each_protocol
@few
@given(turn=turns())
def test_a_client_that_ends_lines_where_python_does_reads_the_same(
    make: Callable[[], Encoder], turn: list[Event]
) -> None:
    text = stream(make, turn).decode()
    assert text.splitlines() == text.split("\n")[:-1]


@few
@given(turn=turns())
def test_every_event_is_one_named_frame_with_its_number(turn: list[Event]) -> None:
    read = sse.frames(stream(Native, turn))
    assert [(int(one["id"]), one["event"], json.loads(one["data"])) for one in read] == [
        (event.number, event.name.value, event.data) for event in turn
    ]


@few
@given(turn=turns(), cut=st.floats(0, 1))
def test_a_stream_that_is_cut_anywhere_goes_on_behind_its_last_id(turn: list[Event], cut: float) -> None:
    whole = stream(Native, turn)
    read = sse.frames(whole[: int(cut * len(whole))] if cut < 1 else whole)
    last = int(read[-1]["id"]) if read else 0
    rest = stream(Native, [event for event in turn if event.number > last])
    assert [*read, *sse.frames(rest)] == sse.frames(whole)


def test_a_while_without_events_is_a_comment() -> None:
    assert stream(Native, [None, Event(1, Name.DONE, {})]) == b": heartbeat\n\nevent: done\ndata: {}\nid: 1\n\n"
