"""Rows written ahead of a DeltaChannel's snapshot: it refers to them, and is right where they are not what it holds."""

from typing import Any

import pytest
from langgraph.checkpoint.serde.types import _DeltaSnapshot

from tests.cases import one_in
from tests.checkpoint_threads import Thread, another, noise

PENDING = {"log": (1, 1)}
STEPS = 12


def step(thread: Thread, head: str, new: list[str], path: str = "") -> str:
    """Store a node's writes and the checkpoint after them."""
    thread.saver.put_writes(thread.at(head), [("log", new)], "task", path)
    return thread.put({"log": ...}, head, counters_since_delta_snapshot=PENDING)


def history(thread: Thread, head: str) -> list[Any]:
    found = thread.saver.get_delta_channel_history(config=thread.at(head), channels=["log"])["log"]
    seed = found.get("seed")
    return [*(seed.value if seed else []), *(element for *_, write in found["writes"] for element in write)]


def grown(thread: Thread, *, restart: bool = False) -> tuple[str, list[str]]:
    """A thread that had a snapshot, and steps of a kilobyte since; with `restart`, each in a process of its own."""
    log = [noise(1_000) for _ in range(5)]
    head = thread.put({"log": _DeltaSnapshot(log)})
    for _ in range(STEPS):
        thread = another(thread) if restart else thread
        history(thread, head)  # as LangGraph does when it loads a checkpoint
        log = [*log, noise(1_000)]
        head = step(thread, head, log[-1:])
    return head, log


def rows(thread: Thread) -> list[Any]:
    return thread.items("R!")


@pytest.mark.parametrize("restart", [False, True], ids=["one process", "many"])
def test_a_snapshot_writes_what_is_not_ahead_already(thread: Thread, restart: bool) -> None:
    head, log = grown(thread, restart=restart)
    before = len(rows(thread))
    assert before == 1 + STEPS // 3
    thread.count += STEPS
    last = another(thread) if restart else thread
    assert history(last, head) == log
    head = last.put({"log": _DeltaSnapshot([*log, "end"])}, head)
    assert len(rows(thread)) == before
    assert another(last).values(head) == {"log": _DeltaSnapshot([*log, "end"])}


def test_rows_that_a_later_write_makes_wrong_are_left_alone(thread: Thread) -> None:
    head, log = grown(thread)
    late = thread.at("000003")
    thread.saver.put_writes(late, [("log", ["late"])], "another task", "~before")
    cold = another(thread)
    found = history(cold, head)
    assert found != log
    assert sorted(found) == sorted([*log, "late"])
    head = step(cold, head, ["next"])
    head = cold.put({"log": _DeltaSnapshot([*found, "next"])}, head)
    assert another(cold).values(head) == {"log": _DeltaSnapshot([*found, "next"])}


@pytest.mark.parametrize("restart", [False, True], ids=["one process", "many"])
@pytest.mark.parametrize(
    "kept", one_in(3, [slice(None, None, 2), slice(3, None), slice(9, None), slice(6, 14), slice(0, 0)])
)
def test_a_snapshot_that_is_not_what_was_written_is_stored_as_it_is(thread: Thread, restart: bool, kept: slice) -> None:
    head, log = grown(thread)
    last = another(thread) if restart else thread
    assert history(last, head) == log
    head = last.put({"log": _DeltaSnapshot([*log[kept], "summary"])}, head)
    assert another(last).values(head) == {"log": _DeltaSnapshot([*log[kept], "summary"])}


def test_branches_do_not_see_what_each_other_has_written_ahead(thread: Thread) -> None:
    root, log = grown(thread)
    logs = {}
    for branch in range(3):
        head, own = root, list(log)
        thread.saver.put_writes(thread.at(root), [("log", [])], "task")
        for _ in range(5):
            head = thread.put({"log": ...}, head, counters_since_delta_snapshot=PENDING)
            own.append(noise(1_500) + str(branch))
            head = step(thread, head, own[-1:])
        logs[thread.put({"log": _DeltaSnapshot(own)}, head)] = own
    for head, own in logs.items():
        assert another(thread).values(head) == {"log": _DeltaSnapshot(own)}


def test_pruning_keeps_what_is_ahead_and_removes_it_with_its_checkpoints(thread: Thread) -> None:
    head, log = grown(thread)
    before = len(rows(thread))
    thread.saver.prune([thread.thread_id])
    assert len(rows(thread)) == before
    cold = another(thread)
    assert history(cold, head) == log
    head = cold.put({"log": _DeltaSnapshot([*log, "end"])}, head)
    cold.put({"log": _DeltaSnapshot(["all new"])}, head)
    cold.saver.prune([thread.thread_id])
    assert rows(thread) == []


def test_what_is_ahead_goes_with_the_last_checkpoint_that_names_it(thread: Thread) -> None:
    run_id = f"{thread.thread_id}-1"
    head = thread.put({"log": _DeltaSnapshot(["seed"])}, run_id=run_id)
    for _ in range(9):
        thread.saver.put_writes(thread.at(head), [("log", [noise(1_000)])], "task")
        head = thread.put({"log": ...}, head, counters_since_delta_snapshot=PENDING, run_id=run_id)
    assert len(rows(thread)) == 3
    thread.saver.delete_for_runs([run_id])
    assert rows(thread) == []


def test_the_history_that_came_with_the_head_is_forgotten_when_something_is_written(thread: Thread) -> None:
    head, log = grown(thread)
    thread.values()  # reads the head, and the history with it
    thread.saver.put_writes(thread.at("000009"), [("log", ["late"])], "another task")
    assert sorted(history(thread, head)) == sorted([*log, "late"])


def test_a_head_older_than_the_last_snapshot_that_was_seen_is_found(thread: Thread) -> None:
    first = thread.put({"log": _DeltaSnapshot(["first"])}, run_id=f"{thread.thread_id}-1")
    second = thread.put({"log": _DeltaSnapshot(["second"])}, first, run_id=f"{thread.thread_id}-2")
    assert thread.values() == {"log": _DeltaSnapshot(["second"])}
    another(thread).saver.delete_for_runs([f"{thread.thread_id}-2"])
    assert thread.values() == {"log": _DeltaSnapshot(["first"])}
    assert thread.saver.get_tuple(thread.at(second)) is None
