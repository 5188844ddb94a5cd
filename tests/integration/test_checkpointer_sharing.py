"""Lists that namespaces and pending writes have in common lie in the table once, for as long as one needs them."""

from typing import Any

import pytest
from langgraph.types import Send

from chatkeep.errors import BrokenThreadError
from tests.bench.meter import item_size
from tests.checkpoint_threads import TABLE, Thread, another, noise

MESSAGES = [noise(900) for _ in range(20)]


@pytest.fixture
def inner(thread: Thread) -> Thread:
    """A subgraph that a task of `thread` runs."""
    return Thread(thread.saver, thread.thread_id, "inner:task-1")


def rows(thread: Thread) -> int:
    return len(thread.items("R!"))


def write(thread: Thread, checkpoint_id: str, value: Any, task_id: str = "task-1") -> None:
    thread.saver.put_writes(thread.at(checkpoint_id), [("messages", value)], task_id)


def written(thread: Thread, checkpoint_id: str) -> Any:
    found = another(thread).saver.get_tuple(thread.at(checkpoint_id))
    assert found
    assert found.pending_writes
    return found.pending_writes[0][2]


@pytest.mark.parametrize(
    "given",
    [
        {"n": 1, "messages": MESSAGES, "rest": MESSAGES[3:]},
        {"state": {"messages": [*MESSAGES, "new"]}},
        Send("node", {"messages": MESSAGES[-10:]}),
        [Send("node", {"messages": MESSAGES, "number": number}) for number in range(3)],
        MESSAGES,
    ],
    ids=["input", "nested", "send", "sends", "list"],
)
def test_a_subgraph_refers_to_the_rows_of_the_graph_around_it(thread: Thread, inner: Thread, given: Any) -> None:
    thread.put({"messages": MESSAGES})
    before = rows(thread)
    inner.put({"__start__": given})
    assert rows(thread) == before
    assert item_size(inner.items("H!inner")[0]) < 700
    assert another(inner).values() == {"__start__": given}


def test_a_value_is_not_changed_by_being_stored(thread: Thread) -> None:
    given = {"messages": MESSAGES, "task": Send("node", {"messages": MESSAGES})}
    thread.put({"__start__": given})
    assert given["messages"] is MESSAGES
    assert given["task"] == Send("node", {"messages": MESSAGES})


def test_what_a_subgraph_hands_back_refers_to_rows_inside_and_around(thread: Thread, inner: Thread) -> None:
    head = thread.put({"messages": MESSAGES})
    longer = [*MESSAGES, *(noise(900) for _ in range(5))]
    inner.put({"messages": longer}, inner.put({"__start__": {"messages": MESSAGES}}))
    before = rows(thread)
    write(thread, head, longer)
    assert rows(thread) == before
    assert item_size(thread.items(f"H!!{head}!")[0]) < 300
    assert written(thread, head) == longer


def test_a_channel_refers_to_the_rows_of_the_input_that_it_was_made_of(thread: Thread) -> None:
    head = thread.put({"__start__": {"messages": MESSAGES}})
    before = rows(thread)
    thread.put({"messages": [*MESSAGES, "new"]}, head)
    assert rows(thread) == before
    assert another(thread).values() == {"messages": [*MESSAGES, "new"]}


def test_long_new_elements_of_a_pending_write_go_to_rows(thread: Thread) -> None:
    head = thread.put({"messages": MESSAGES})
    longer = [*MESSAGES, *(noise(30_000) for _ in range(5))]
    write(thread, head, longer)
    assert written(thread, head) == longer


def test_a_process_that_has_read_nothing_writes_the_same(thread: Thread, inner: Thread) -> None:
    head = thread.put({"messages": MESSAGES})
    cold = another(inner)
    cold.put({"messages": MESSAGES})
    write(another(thread), head, MESSAGES)
    assert another(inner).values() == another(thread).values() == {"messages": MESSAGES}
    assert written(thread, head) == MESSAGES


def test_a_subgraph_that_goes_on_leaves_the_tail_of_the_graph_around_it_alone(thread: Thread, inner: Thread) -> None:
    head = thread.put({"messages": MESSAGES})
    first = inner.put({"messages": MESSAGES})
    inner.put({"messages": [*MESSAGES, noise(2_000)]}, first)
    own = [*MESSAGES, noise(3_000)]
    requests: list[str] = []
    thread.saver.client.meta.events.register("before-call.dynamodb", lambda model, **_: requests.append(model.name))
    thread.put({"messages": own}, head)
    assert requests == ["PutItem", "PutItem"]  # the row's key was free
    assert another(thread).values() == {"messages": own}


def test_pruning_keeps_rows_that_another_namespace_or_a_pending_write_needs(thread: Thread, inner: Thread) -> None:
    first = thread.put({"messages": MESSAGES})
    inner.put({"__start__": {"messages": MESSAGES[:12]}})
    second = thread.put({"messages": MESSAGES[15:]}, first)
    write(thread, second, [Send("node", {"messages": MESSAGES[13:]})])
    before = rows(thread)
    thread.saver.prune([thread.thread_id])
    assert another(inner).values() == {"__start__": {"messages": MESSAGES[:12]}}
    assert written(thread, second) == [Send("node", {"messages": MESSAGES[13:]})]
    inner.saver.delete_for_runs(["no run"])
    assert rows(thread) == before


def test_pruning_removes_rows_that_only_a_removed_pending_write_needed(thread: Thread) -> None:
    first = thread.put({"messages": MESSAGES})
    write(thread, first, [noise(40_000), *MESSAGES])
    assert rows(thread) == 2
    thread.put({"messages": MESSAGES}, first)
    thread.saver.prune([thread.thread_id])
    assert rows(thread) == 1
    assert another(thread).values() == {"messages": MESSAGES}


def test_deleting_a_run_leaves_a_subgraph_of_another_run_whole(thread: Thread, inner: Thread) -> None:
    thread.put({"messages": MESSAGES}, run_id=f"{thread.thread_id}-1")
    inner.put({"__start__": {"messages": MESSAGES}}, run_id=f"{thread.thread_id}-2")
    thread.saver.delete_for_runs([f"{thread.thread_id}-1"])
    assert thread.saver.get_tuple(thread.at()) is None
    assert another(inner).values() == {"__start__": {"messages": MESSAGES}}
    inner.saver.delete_for_runs([f"{thread.thread_id}-2"])
    assert rows(thread) == 0


def test_a_lost_row_is_an_error_in_each_namespace_that_needs_it(thread: Thread, inner: Thread) -> None:
    head = thread.put({"messages": MESSAGES})
    inner.put({"__start__": {"messages": MESSAGES}})
    write(thread, head, [*MESSAGES, "new"])
    row = thread.items("R!")[0]
    thread.saver.client.delete_item(TableName=TABLE, Key={"pk": row["pk"], "sk": row["sk"]})
    with pytest.raises(BrokenThreadError, match="__start__"):
        another(inner).values()
    with pytest.raises(BrokenThreadError, match="messages"):
        another(thread).values()


def test_no_row_of_a_thread_that_was_deleted_elsewhere_is_referred_to(thread: Thread, inner: Thread) -> None:
    inner.put({"messages": MESSAGES}, inner.put({"__start__": {"messages": MESSAGES}}))
    thread.put({"messages": MESSAGES})
    another(thread).saver.delete_thread(thread.thread_id)
    assert thread.saver.get_tuple(thread.at()) is None
    head = thread.put({"topic": "another"})
    write(thread, head, MESSAGES)
    assert written(thread, head) == MESSAGES
