"""Streams of whatever a model says, told, stored and read again."""

import asyncio
import threading
import time
from collections import defaultdict
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chatkeep import ids
from chatkeep.models.event_batch import EventBatch
from chatkeep.streams import batches
from chatkeep.streams.event import Event, Name
from chatkeep.turns.names import Names
from functions.stream import feed
from functions.stream.feed import Feed
from tests import told_graphs
from tests.chat import new_session
from tests.client import Client
from tests.streaming import StreamClient, frames
from tests.told_graphs import Script, Step

HALVES = st.sampled_from(["\ud83d", "\ude00", "\u2028", "\x00", "\r\n\r\n", ": x", "\U0001f600"])
PIECES = st.lists(st.one_of(st.text(max_size=6), HALVES, st.just("")), max_size=5)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=4,
)
SAID = st.builds(
    Step,
    PIECES,
    PIECES,
    st.lists(VALUES, max_size=2),
    st.lists(st.sampled_from(["a", "b"]), unique=True, max_size=2),
    streamed=st.booleans(),
)
RESULT = st.builds(Step, result=st.text(max_size=5))
STEPS = st.builds(lambda steps, last: [*steps, last], st.lists(SAID | RESULT, max_size=3), SAID)


@pytest.mark.thorough
@settings(max_examples=60)
@given(steps=STEPS)
def test_the_words_of_each_message_are_those_that_are_stored(
    api: Client, stream: StreamClient, spoken: None, steps: list[Step]
) -> None:
    told_graphs.script[:] = [Script(steps)]
    session_id = new_session(api)
    uncut = stream.post(session_id, "hi")
    found = frames(uncut.text)
    stored = api.get(f"/sessions/{session_id}/messages").json["messages"]
    words: dict[str, str] = defaultdict(str)
    for one in found:
        if one.name == "token":
            words[one.data["message_id"]] += one.data["text"]
    said = [one for one in stored if one["role"] == "assistant"]
    assert found[-1].name == "done", found[-1].data
    assert words == {one["message_id"]: one["content"] for one in said if one["content"]}
    assert [one.data for one in found if one.name == "message"] == said
    assert stream.resume(session_id, found[0].data["turn_id"]).content == uncut.content


NAMED = st.sampled_from([Name.TOKEN, Name.REASONING])
TEXTS = st.fixed_dictionaries({"message_id": st.sampled_from(["a", "b"]), "text": st.text()})
EVENTS = st.lists(
    st.tuples(NAMED, TEXTS)
    | st.tuples(st.sampled_from([Name.CUSTOM, Name.TOOL_CALL, Name.TURN]), st.dictionaries(st.text(), st.text())),
    min_size=1,
)
PIECE_BYTES = st.integers(20, 200)
"""Enough for fewer than a thousand pieces, whose numbers have three digits."""


@settings(max_examples=50)
@given(told=EVENTS, number=st.integers(1, 10**14), piece=PIECE_BYTES)
def test_a_batch_is_read_as_it_was_written_in_however_many_pieces(
    told: list[tuple[Name, dict[str, Any]]], number: int, piece: int
) -> None:
    events = [Event(at, *one) for at, one in enumerate(told, number)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(batches, "PIECE_BYTES", piece)
        pieces = batches.packed(events)
    items = [
        EventBatch("u", "s", "t", number, at, data=one, pieces=len(pieces), expires_at=1)
        for at, one in enumerate(pieces)
    ]
    assert [one.sk for one in items] == sorted(one.sk for one in items)
    assert all(len(one) <= piece for one in pieces)
    assert [[bytes(one.data) for one in batch] for batch in batches.read(items)] == [pieces]
    assert list(batches.read(items[:-1])) == []
    assert list(batches.unpacked(number, pieces)) == events


@settings(max_examples=30)
@given(st.data())
def test_messages_are_named_in_the_order_in_which_the_thread_has_them(data: st.DataObject) -> None:
    question = ids.new()
    names = Names([question])
    thread = [question]
    for step in range(data.draw(st.integers(1, 5))):
        new = [f"{step}-{at}" for at in range(data.draw(st.integers(0, 5)))]
        heard = data.draw(st.lists(st.sampled_from(new), unique=True)) if new else []
        for one in sorted(heard):
            names.heard(one)
        thread += new
        names.finished(thread)
    named = [str(names.of(one)) for one in thread]
    assert named == sorted(set(named))


@pytest.mark.parametrize("most", [100_000, 50])
def test_a_feed_gives_everything_in_order_or_lets_go_of_what_is_too_much(
    most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feed, "MOST_EVENTS", most)
    found, overflowed = asyncio.run(asyncio.wait_for(_fed(3_000), 20))
    numbers = [one.number for one in found]
    assert numbers == list(range(1, len(found) + 1))
    assert overflowed or len(found) == 3_000


async def _fed(events: int) -> tuple[list[Event], bool]:
    """What is taken from a feed that a thread puts so many events into, as fast as it can."""
    fed = Feed(10)

    def put() -> None:
        for number in range(1, events + 1):
            fed.put(Event(number, Name.CUSTOM, {}))
        fed.end()

    thread = threading.Thread(target=put)
    thread.start()
    found: list[Event] = []
    while True:
        has_ended = fed.has_ended
        found += await fed.take() or ()
        if has_ended or fed.has_overflowed:
            break
    thread.join()
    return found, fed.has_overflowed


QUIET = 0.03


@settings(max_examples=10)
@given(pauses=st.lists(st.sampled_from([0.0, 0.01, 0.5 * QUIET, 3 * QUIET]), max_size=8))
def test_a_feed_says_that_it_is_quiet_when_it_was_and_no_event_is_lost_by_it(pauses: list[float]) -> None:
    began = time.monotonic()
    quiet, found = asyncio.run(asyncio.wait_for(_fed_slowly(pauses), 20))
    assert [one.number for one in found] == list(range(1, len(pauses) + 1))
    assert sum(pause > QUIET for pause in pauses) <= quiet <= (time.monotonic() - began) / QUIET


async def _fed_slowly(pauses: list[float]) -> tuple[int, list[Event]]:
    """How often a feed was found quiet that gets an event from a thread after each pause, and those events."""
    fed = Feed(QUIET)

    def put() -> None:
        for number, pause in enumerate(pauses, 1):
            time.sleep(pause)
            fed.put(Event(number, Name.CUSTOM, {}))
        fed.end()

    thread = threading.Thread(target=put)
    thread.start()
    found: list[Event] = []
    quiet = 0
    while True:
        has_ended = fed.has_ended
        taken = await fed.take()
        quiet += taken is None
        found += taken or ()
        if has_ended:
            break
    thread.join()
    return quiet, found
