"""Pending writes of many tasks in one item: beside items of one task, over the item limit, and through maintenance."""

from typing import Any, cast

import pytest
from langgraph.checkpoint.serde.types import RESUME

from chatkeep.errors import BrokenThreadError
from tests.cases import one_in
from tests.checkpoint_threads import TABLE, Thread, another, noise

TASKS = [f"task-{number:04d}" for number in range(300)]


def store(thread: Thread, head: str, tasks: dict[str, Any]) -> list[dict[str, Any]]:
    """Stage these writes of tasks, commit them and return the members that make them visible."""
    staged = thread.saver.staged()
    staged.get_tuple(thread.at(head))
    for task, writes in tasks.items():
        staged.put_writes(thread.at(head), writes, task)
    found = staged.writes()
    for start in range(0, len(found.payload), 20):
        thread.saver.client.transact_write_items(TransactItems=found.payload[start : start + 20])
    thread.saver.client.transact_write_items(TransactItems=found.heads)
    return found.heads


def pending(thread: Thread, head: str) -> list[Any]:
    found = another(thread).saver.get_tuple(thread.at(head))
    assert found
    return list(found.pending_writes or [])


@pytest.mark.parametrize("length", one_in(2, [5_000, 10, 60_000]))
def test_the_writes_of_any_number_of_tasks_are_one_item_to_a_transaction(thread: Thread, length: int) -> None:
    head = thread.put({"a": 1})
    count = 60 if length > 5_000 else len(TASKS)
    tasks = {task: [("a", noise(length)), ("b", [noise(length)] * 2)] for task in TASKS[:count]}
    heads = store(thread, head, tasks)
    assert len(heads) == 1
    assert ("d" in heads[0]["Put"]["Item"]) == (length != 5_000)  # what is large itself lies elsewhere by itself
    expected = [(task, channel, value) for task, writes in tasks.items() for channel, value in writes]
    assert pending(thread, head) == expected


def test_of_a_regular_write_the_first_stays_whoever_writes_again(thread: Thread) -> None:
    head = thread.put({"a": 1})
    thread.saver.put_writes(thread.at(head), [("a", "first")], "task-1")
    store(thread, head, {"task-1": [("a", "second"), ("a", "more")], "task-2": [("a", "first")]})
    thread.saver.put_writes(thread.at(head), [("a", "third")], "task-2")
    store(thread, head, {"task-2": [("a", "fourth")], "task-3": [("a", "first")]})
    assert pending(thread, head) == [
        ("task-1", "a", "first"),
        ("task-1", "a", "more"),
        ("task-2", "a", "first"),
        ("task-3", "a", "first"),
    ]


def test_of_a_special_write_the_last_stays_whoever_writes_again(thread: Thread) -> None:
    head = thread.put({"a": 1})
    thread.saver.put_writes(thread.at(head), [(RESUME, "first")], "task-1")
    store(thread, head, {"task-1": [(RESUME, "second")], "task-2": [(RESUME, "first")]})
    thread.saver.put_writes(thread.at(head), [(RESUME, "second")], "task-2")
    assert pending(thread, head) == [("task-1", RESUME, "second"), ("task-2", RESUME, "second")]


def test_of_a_special_write_in_a_bundle_a_later_one_stays(thread: Thread) -> None:
    saver, staged = thread.saver, thread.saver.staged()
    thread.saver = cast("Any", staged)
    head = thread.put({"a": 1})
    thread.saver = saver
    staged.put_writes(thread.at(head), [(RESUME, "first")], "task-1")
    saver.client.transact_write_items(TransactItems=staged.writes().heads)
    saver.put_writes(thread.at(head), [(RESUME, "second")], "task-1")
    assert pending(thread, head) == [("task-1", RESUME, "second")]


def test_what_is_stored_already_is_not_written_again(thread: Thread) -> None:
    head = thread.put({"a": 1})
    tasks = {"task-1": [("a", "written"), (RESUME, "go on")]}
    store(thread, head, tasks)
    staged = thread.saver.staged()
    for task, writes in tasks.items():
        staged.put_writes(thread.at(head), writes, task)
    assert staged.writes().heads == []


def test_a_part_that_is_missing_is_an_error_by_name(thread: Thread) -> None:
    head = thread.put({"a": 1})
    store(thread, head, {task: [("a", noise(500))] for task in TASKS})
    (part,) = thread.items("X!")
    thread.saver.client.delete_item(TableName=TABLE, Key={"pk": part["pk"], "sk": part["sk"]})
    with pytest.raises(BrokenThreadError, match=r"pending writes of checkpoint .* lacks 1 of its 1 items"):
        pending(thread, head)


def test_what_is_pruned_takes_its_tasks_along_and_what_is_copied_too(thread: Thread, user_id: str) -> None:
    first = thread.put({"a": 1})
    tasks = {task: [("a", noise(500)), ("b", [noise(40_000)])] for task in TASKS[:80]}
    store(thread, first, tasks)
    second = thread.put({"a": 2}, first)
    store(thread, second, {"task-1": [("a", "kept")]})
    thread.saver.copy_thread(thread.thread_id, f"{user_id}-copy")
    copied = Thread(thread.saver, f"{user_id}-copy")
    assert len(pending(copied, first)) == 160
    thread.saver.prune([thread.thread_id])
    assert pending(thread, second) == [("task-1", "a", "kept")]
    assert [len(thread.items(kind)) for kind in ("X!", "R!", "H!")] == [0, 0, 2]
