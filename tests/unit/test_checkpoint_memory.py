"""The memories of a process stay within their limit, whatever the threads are like."""

import gc
import random
import tracemalloc
import uuid
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chatkeep.checkpointer.checkpoint import KnownCheckpoint
from chatkeep.checkpointer.codec import Digested, Frame, digested
from chatkeep.checkpointer.lists import arrange
from chatkeep.checkpointer.memory import RecentCheckpoints
from chatkeep.checkpointer.record import Header, Stored
from chatkeep.checkpointer.storage import PayloadCache

MOST_BYTES = 150_000
EDITS = ("append", "append", "append", "change", "remove", "restart")
turns = st.lists(
    st.tuples(st.sampled_from(EDITS), st.integers(1, 6), st.sampled_from([20, 700, 3_000])), min_size=1, max_size=20
)


def taken(fill: Callable[[], object]) -> tuple[object, int]:
    """The result of `fill`, and the memory that it keeps."""
    gc.collect()
    tracemalloc.start()
    try:
        kept = fill()
        gc.collect()
        return kept, tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()


def frames(count: int, length: int) -> list[Frame]:
    return [("msgpack", random.randbytes(length)) for _ in range(count)]


def edited(old: list[Frame], edit: str, count: int, length: int) -> list[Frame]:
    amid = len(old) // 2
    return {
        "append": lambda: [*old, *frames(count, length)],
        "change": lambda: [*old[:amid], *frames(1, length), *old[amid + 1 :]],
        "remove": lambda: old[count:],
        "restart": lambda: frames(count, length),
    }[edit]()


def remembered(history: list[tuple[str, int, int]]) -> tuple[RecentCheckpoints, int]:
    """A saver's memory after many threads with this history over and over, and how many checkpoints it was told."""
    recent, count = RecentCheckpoints(MOST_BYTES), 0
    for thread in range(2):
        messages, known = frames(100 * thread, 20), None
        for edit, number, length in history * (1 + 60 // len(history)):
            count += 1
            messages = edited(messages, edit, number, length)[-200:]
            _, found = arrange(messages, known.lists["messages", ()] if known else None)
            entries = {"messages": Stored(None, {(): found.stored(messages)})}
            header = Header("", f"{count:06d}", f"{count - 1:06d}", ("msgpack", random.randbytes(700)), entries)
            known = KnownCheckpoint(header, {"messages": f"{count:08d}.{count}"}, {("messages", ()): found})
            recent.remember((f"thread {thread}", ""), known)
    return recent, count


@given(turns)
@settings(max_examples=6)
def test_checkpoints_that_are_remembered_stay_within_their_bound(history: list[tuple[str, int, int]]) -> None:
    (recent, count), used = taken(lambda: remembered(history))  # type: ignore[misc]
    assert used <= MOST_BYTES
    assert recent.get(("thread 1", ""), f"{count:06d}")


def test_a_long_conversation_does_not_push_out_what_is_known_of_the_others() -> None:
    (recent, count), used = taken(lambda: remembered([("append", 2, 700)]))  # type: ignore[misc]
    assert used > MOST_BYTES / 3
    assert sum(bool(recent.get(("thread 1", ""), f"{number:06d}")) for number in range(count + 1)) > 10


@pytest.mark.parametrize("length", [1, 800, 20_000])
@pytest.mark.parametrize("per_row", [1, 40])
def test_rows_in_memory_stay_within_their_bound(per_row: int, length: int) -> None:
    def fill() -> PayloadCache:
        cache = PayloadCache(MOST_BYTES)
        for number in range(1 + 3 * MOST_BYTES // (per_row * (length + 150))):
            row: Digested = digested(frames(per_row, length))
            cache.add("thread", f"generation {number // 1_000}", {number: row})
        return cache

    cache, used = taken(fill)
    assert cache
    assert used <= MOST_BYTES


@pytest.mark.parametrize("length", [1, 300])
def test_many_small_values_and_threads_in_memory_stay_within_their_bound(length: int) -> None:
    def fill() -> PayloadCache:
        cache = PayloadCache(MOST_BYTES)
        for _ in range(MOST_BYTES // 300):
            thread_id, name = str(uuid.uuid4()), f"V!!channel!{random.randbytes(8).hex()}"
            cache.add_frame(thread_id, name, frames(1, length)[0])
            cache.add(thread_id, "generation", {0: digested(frames(2, length))})
        return cache

    cache, used = taken(fill)
    assert cache
    assert MOST_BYTES / 2 < used <= MOST_BYTES
