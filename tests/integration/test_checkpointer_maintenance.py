"""Listing, pruning, copying and deleting by run."""

from typing import Any

import pytest
from langgraph.checkpoint.base import CheckpointTuple
from langgraph.checkpoint.serde.types import _DeltaSnapshot

from chatkeep.checkpointer import DynamoDBSaver
from chatkeep.errors import BrokenThreadError
from tests.checkpoint_threads import Thread, another, noise

pytestmark = pytest.mark.usefixtures("empty_tables")


def prune_keeps(found: CheckpointTuple | None) -> Any:
    return found and (found.checkpoint, found.metadata, found.pending_writes)


def test_pruning_keeps_the_head_whole_and_removes_what_only_others_needed(thread: Thread) -> None:
    messages, head = [noise(900) for _ in range(40)], None
    for number in range(1, 41):
        head = thread.put({"messages": messages[:number], "blob": {"x": noise(3_000)}}, head)
    thread.put({"messages": messages[30:], "blob": {"x": noise(3_000)}}, head)
    before = prune_keeps(thread.saver.get_tuple(thread.at()))
    thread.saver.prune([thread.thread_id])
    assert prune_keeps(another(thread).saver.get_tuple(thread.at())) == before
    assert [len(thread.items(kind)) for kind in ("H!", "V!")] == [1, 1]
    assert len(thread.items("R!")) == 5  # of two messages each


def test_pruning_keeps_what_a_delta_channel_is_rebuilt_from(thread: Thread) -> None:
    ids = [thread.put({"log": _DeltaSnapshot(["old"])})]
    ids += [thread.put({"log": _DeltaSnapshot(["seed"])}, ids[-1])]
    for number in range(4):
        thread.saver.put_writes(thread.at(ids[-1]), [("log", number)], "task")
        ids.append(thread.put({"log": ...}, ids[-1], counters_since_delta_snapshot={"log": (1, 1)}))
    config = thread.at(ids[-1])
    before = thread.saver.get_delta_channel_history(config=config, channels=["log"])
    thread.saver.prune([thread.thread_id])
    assert another(thread).saver.get_delta_channel_history(config=config, channels=["log"]) == before
    assert len(thread.items("H!!")) == 5 + 4


def test_a_history_that_was_pruned_is_an_error(thread: Thread) -> None:
    head = thread.put({"log": ["plain"]})
    thread.put({"log": ...}, head)
    thread.saver.prune([thread.thread_id])
    with pytest.raises(BrokenThreadError, match="pruned"):
        another(thread).saver.get_delta_channel_history(config=thread.at(), channels=["log"])


def test_deleting_a_run_leaves_the_others_whole(thread: Thread) -> None:
    messages = [noise(900) for _ in range(9)]
    first = thread.put({"messages": messages[:3]}, run_id="run-1")
    second = thread.put({"messages": messages[:6]}, first, run_id="run-2")
    third = thread.put({"messages": messages[:9]}, second, run_id="run-1")
    thread.saver.delete_for_runs(["run-1", *(f"no run {number}" for number in range(70))])
    assert [found.checkpoint["id"] for found in thread.saver.list(thread.at())] == [second]
    assert another(thread).values(second) == {"messages": messages[:6]}
    assert thread.saver.get_tuple(thread.at(third)) is None
    assert len(thread.items("R!")) == 2


def test_a_copy_outlives_its_source(thread: Thread) -> None:
    messages, head = [noise(900) for _ in range(20)], None
    for number in range(1, 21):
        head = thread.put({"messages": messages[:number], "blob": noise(500_000 if number == 3 else 5)}, head)
    target = Thread(thread.saver, f"{thread.thread_id}-copy")
    before = [prune_keeps(found) for found in thread.saver.list(thread.at())]
    thread.saver.copy_thread(thread.thread_id, target.thread_id)
    thread.saver.delete_thread(thread.thread_id)
    assert [prune_keeps(found) for found in another(target).saver.list(target.at())] == before
    assert thread.saver.get_tuple(thread.at()) is None


def test_listing_needs_a_thread(saver: DynamoDBSaver) -> None:
    with pytest.raises(ValueError, match="thread_id"):
        list(saver.list(None))
    with pytest.raises(ValueError, match="thread_id"):
        list(saver.list({"configurable": {}}))


def test_an_unknown_strategy_of_pruning_is_refused(saver: DynamoDBSaver, user_id: str) -> None:
    with pytest.raises(ValueError, match="keep_latest"):
        saver.prune([user_id], strategy="keep_some")
