"""Parents in whatever order: as long as there are any they are followed, and never in a circle."""

import sys
import threading
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from langgraph.checkpoint.serde.types import _DeltaSnapshot

from chatkeep.checkpointer import DynamoDBSaver, strict_serializer
from chatkeep.checkpointer.codec import Codec
from chatkeep.errors import BrokenThreadError
from tests.checkpoint_threads import TABLE, Thread, another, noise


def put(saver: Any, thread_id: str, checkpoint_id: str, parent: str | None, values: dict[str, Any]) -> None:
    config: Any = {"configurable": {"thread_id": thread_id, "checkpoint_ns": ""}}
    config["configurable"] |= {"checkpoint_id": parent} if parent else {}
    versions = {"log": checkpoint_id}
    checkpoint: Any = {
        "v": 4,
        "id": checkpoint_id,
        "ts": "now",
        "channel_values": values,
        "channel_versions": versions,
        "versions_seen": {},
        "updated_channels": None,
    }
    saver.put(config, checkpoint, {"counters_since_delta_snapshot": {"log": (1, 1)}}, versions)
    saver.put_writes(
        {"configurable": {**config["configurable"], "checkpoint_id": checkpoint_id}}, [("log", checkpoint_id)], "t"
    )


def at(thread_id: str, checkpoint_id: str) -> Any:
    return {"configurable": {"thread_id": thread_id, "checkpoint_ns": "", "checkpoint_id": checkpoint_id}}


def in_time(work: Callable[[], Any], seconds: float = 300) -> Any:
    """The result, or the error; a test that would go on for ever fails instead."""
    found: list[Any] = []

    def keep() -> None:
        try:
            found.append(work())
        except Exception as error:
            found.append(error)

    running = threading.Thread(target=keep, daemon=True)
    running.start()
    running.join(seconds)
    assert found, "it goes on and on"
    return found[0]


def history(saver: Any, thread_id: str, head: str) -> Any:
    return in_time(lambda: saver.get_delta_channel_history(config=at(thread_id, head), channels=["log"]))


@pytest.mark.thorough
def test_more_parents_than_python_nests_calls_that_sort_after_their_children_are_followed(
    saver: DynamoDBSaver, user_id: str
) -> None:
    ids = [f"{number:06d}" for number in range(400, 0, -1)]
    for parent, own in zip([None, *ids], ids, strict=False):
        put(saver, user_id, own, parent, {} if parent else {"log": _DeltaSnapshot(["seed"])})
    usual = sys.getrecursionlimit()
    sys.setrecursionlimit(300)
    found = history(DynamoDBSaver(TABLE, saver.client), user_id, ids[-1])
    sys.setrecursionlimit(usual)
    assert found["log"]["seed"] == _DeltaSnapshot(["seed"])
    assert [value for _, _, value in found["log"]["writes"]] == ids[:-1]


@pytest.mark.thorough
@settings(max_examples=20)
@given(st.permutations(list(range(9))), st.integers(0, 9))
def test_ids_in_any_order_give_the_history_in_the_order_of_parents(
    dynamodb: Any, user_id: str, order: list[int], pruned: int
) -> None:
    saver, thread_id = DynamoDBSaver(TABLE, dynamodb), f"{user_id}-{uuid4()}"
    ids = [f"{number:06d}" for number in order]
    for parent, own in zip([None, *ids], ids, strict=False):
        put(saver, thread_id, own, parent, {} if parent else {"log": ["seed"]})
    found = history(DynamoDBSaver(TABLE, dynamodb), thread_id, ids[-1])
    assert [value for _, _, value in found["log"]["writes"]] == ids[:-1]
    assert found == history(saver.staged(), thread_id, ids[-1])


@pytest.mark.parametrize("length", [1, 2, 3, 20])
@pytest.mark.parametrize("staged", [False, True])
def test_a_circle_of_parents_is_an_error_and_no_endless_walk(
    saver: DynamoDBSaver, user_id: str, length: int, staged: bool
) -> None:
    ids = [f"{number:06d}" for number in range(length)]
    for parent, own in zip([None, *ids[:-1]], ids, strict=True):
        put(saver, user_id, own, parent, {})
    put(saver, user_id, ids[0], ids[-1], {})
    fresh = DynamoDBSaver(TABLE, saver.client)
    for head in ids:
        found = history(fresh.staged() if staged else fresh, user_id, head)
        assert isinstance(found, BrokenThreadError)
        assert user_id in str(found)


@pytest.mark.parametrize("length", [1, 2, 3])
def test_pruning_ends_at_a_circle_of_parents(saver: DynamoDBSaver, user_id: str, length: int) -> None:
    ids = [f"{number:06d}" for number in range(length)]
    for parent, own in zip([None, *ids[:-1]], ids, strict=True):
        put(saver, user_id, own, parent, {})
    put(saver, user_id, ids[0], ids[-1], {})
    assert in_time(lambda: DynamoDBSaver(TABLE, saver.client).prune([user_id])) is None
    assert saver.get_tuple(at(user_id, ids[-1]))


@pytest.mark.parametrize("length", [1, 2, 3])
def test_a_circle_of_staged_parents_is_an_error_too(saver: DynamoDBSaver, user_id: str, length: int) -> None:
    staged = saver.staged()
    ids = [f"{number:06d}" for number in range(length)]

    def work() -> None:
        for parent, own in zip([None, *ids[:-1]], ids, strict=True):
            put(staged, user_id, own, parent, {})
        put(staged, user_id, ids[0], ids[-1], {})
        staged.get_tuple(at(user_id, ids[0]))
        staged.writes()

    assert isinstance(in_time(work), BrokenThreadError | ValueError)


def test_a_long_staged_turn_is_walked_in_time(saver: DynamoDBSaver, user_id: str) -> None:
    staged = saver.staged()
    ids = [f"{number:06d}" for number in range(1_500)]
    for parent, own in zip([None, *ids], ids, strict=False):
        put(staged, user_id, own, parent, {})
    found = history(staged, user_id, ids[-1])
    assert [value for _, _, value in found["log"]["writes"]] == ids[:-1]
    assert len(in_time(staged.writes).heads) >= 1_500


def test_a_row_without_elements_is_an_error_and_no_endless_reading(thread: Thread) -> None:
    head = thread.put({"messages": [noise(900) for _ in range(9)]})
    (row, *_) = thread.items("R!")
    thread.saver.client.put_item(TableName=TABLE, Item={**row, "d": {"B": Codec(strict_serializer()).seal([])}})
    found = in_time(lambda: another(thread, cache_bytes=1_000_000).saver.get_tuple(thread.at(head)))
    assert isinstance(found, BrokenThreadError)
