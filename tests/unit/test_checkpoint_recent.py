"""A saver's memory: bounded, and limited to a namespace and those around or inside it."""

import pytest

from chatkeep.checkpointer.checkpoint import KnownCheckpoint
from chatkeep.checkpointer.codec import DIGEST_BYTES
from chatkeep.checkpointer.lists import KnownList
from chatkeep.checkpointer.memory import RecentCheckpoints, around
from chatkeep.checkpointer.record import Header, Stored, Value
from chatkeep.checkpointer.writes import Write

FRAME = ("msgpack", b"")


def known(namespace: str, checkpoint_id: str, elements: int = 0, **seeds: str) -> KnownCheckpoint:
    entries = {channel: Stored(FRAME, snapshot_of=snapshot_of) for channel, snapshot_of in seeds.items()}
    header = Header(namespace, checkpoint_id, "parent", FRAME, seeds=entries)
    return KnownCheckpoint(header, {}, {("messages", ()): KnownList(bytes(DIGEST_BYTES * elements), ())})


def ids(found: list[KnownCheckpoint]) -> list[str]:
    return [each.header.checkpoint_id for each in found]


def writes(*tasks: str) -> list[Write[Value]]:
    return [Write(task, 0, "messages", "", Value(None, {(): [FRAME]})) for task in tasks]


@pytest.mark.parametrize(("namespace", "outer"), [("", []), ("a:1", [""]), ("a:1|b:2|c", ["a:1|b:2", "a:1", ""])])
def test_a_namespace_lies_in_those_that_it_begins_with(namespace: str, outer: list[str]) -> None:
    assert around(namespace) == outer


def test_nearby_is_what_lies_around_and_for_a_task_inside_it() -> None:
    recent = RecentCheckpoints()
    for namespace in ("", "a:1", "a:1|b:2", "c:3"):
        for number in range(2):
            recent.remember(("thread", namespace), known(namespace, f"{namespace}@{number}"))
    recent.remember(("another", ""), known("", "another"))
    assert ids(recent.nearby(("thread", "a:1|b:2"))) == ["a:1@1", "@1"]
    assert ids(recent.nearby(("thread", "a:1"), "2")) == ["a:1|b:2@1", "a:1@1", "@1"]
    assert ids(recent.nearby(("thread", ""), "3")) == ["c:3@1", "@1"]
    assert ids(recent.nearby(("thread", ""))) == []


def test_the_oldest_goes_when_there_is_too_much() -> None:
    recent = RecentCheckpoints(most_bytes=3 * 1_000 * DIGEST_BYTES + 15_000)
    for number in range(9):
        recent.remember(("thread", ""), known("", str(number), 1_000))
    assert [number for number in range(9) if recent.get(("thread", ""), str(number))] == [6, 7, 8]
    assert ids(recent.nearby(("thread", ""), "task")) == ["8"]


def test_what_is_forgotten_is_not_nearby() -> None:
    recent = RecentCheckpoints()
    for namespace in ("", "a:1"):
        recent.remember(("thread", namespace), known(namespace, "1"))
        recent.note(("thread", namespace), "1", writes("task"))
        recent.hold(("thread", namespace), "1", [])
    recent.forget("thread", "a:1")
    assert ids(recent.nearby(("thread", ""), "1")) == ["1"]
    assert recent.written(("thread", "a:1"), "1") == []
    recent.forget("thread")
    assert recent.nearby(("thread", ""), "1") == []
    assert recent.written(("thread", ""), "1") == []
    assert recent.release(("thread", ""), "1") is None


def test_of_writes_the_first_of_each_task_stays_until_the_next_checkpoint() -> None:
    recent, place = RecentCheckpoints(), ("thread", "")
    first, other, again = writes("one", "two", "one")
    recent.note(place, "parent", [first])
    recent.note(place, "parent", [other, again])
    assert recent.written(place, "parent") == [first, other]
    recent.remember(place, known("", "1"))
    assert recent.written(place, "parent") == []


def test_writes_are_noted_of_the_last_checkpoints_alone_and_not_where_they_are_long() -> None:
    recent, place = RecentCheckpoints(), ("thread", "")
    for number in range(100):
        recent.note(place, str(number), writes("task"))
    assert [number for number in range(100) if recent.written(place, str(number))] == list(range(36, 100))
    recent.note(place, "long", [Write("task", 0, "messages", "", Value(None, {(): [("msgpack", bytes(200_000))]}))])
    assert recent.written(place, "long") == []


def test_a_history_is_held_once_for_the_head_that_it_came_with() -> None:
    recent, place = RecentCheckpoints(), ("thread", "")
    recent.hold(place, "1", [])
    assert recent.release(place, "1") == []
    assert recent.release(place, "1") is None
    recent.hold(place, "1", [])
    assert recent.release(place, "2") is None


def test_the_history_goes_back_to_the_oldest_snapshot() -> None:
    recent, place = RecentCheckpoints(), ("thread", "")
    assert recent.last_snapshot(place) is None
    recent.remember(place, known("", "1"))
    assert recent.last_snapshot(place) is None
    recent.remember(place, known("", "2", log="0005", messages="0003"))
    assert recent.last_snapshot(place) == "0003"
