"""The memory that a saver holds, measured: it stays within its bound whatever the checkpoints look like."""

import gc
import tracemalloc
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from langgraph.checkpoint.serde.types import _DeltaSnapshot

from chatkeep.checkpointer import DynamoDBSaver
from chatkeep.checkpointer.memory import RecentCheckpoints
from tests.checkpoint_threads import TABLE, noise

BOUND = 300_000


class Nowhere:
    """A client of a table that takes everything and has nothing, so that all memory that stays is the saver's."""

    def __init__(self, client: Any) -> None:
        self.exceptions = client.exceptions

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        return lambda **_: {"Items": [], "Responses": {}, "UnprocessedItems": {}, "UnprocessedKeys": {}}


@pytest.fixture(scope="module", autouse=True)
def traced() -> Iterator[None]:
    tracemalloc.start()
    yield
    tracemalloc.stop()


def held(saver: DynamoDBSaver) -> int:
    """The bytes that are free once the saver forgets what it knows."""
    gc.collect()
    before = tracemalloc.get_traced_memory()[0]
    saver._recent = RecentCheckpoints(BOUND)
    gc.collect()
    return before - tracemalloc.get_traced_memory()[0]


def value(kind: str, number: int) -> Any:
    made = {
        "number": number,
        "text": noise(200),
        "list": [noise(40) for _ in range(9)],
        "long list": [noise(300) for _ in range(60)],
        "snapshot": _DeltaSnapshot([noise(60)]),
        "nested": {"a": {"b": [noise(200) for _ in range(20)]}},
    }
    return made[kind]


def grow(saver: DynamoDBSaver, channels: list[str], threads: int, steps: int, writes: int) -> None:
    """Threads of so many checkpoints with these channels, and so many pending writes each."""
    for thread in range(threads):
        parent: dict[str, str] = {}
        for step in range(steps):
            names = {f"channel-{number}-{kind}": kind for number, kind in enumerate(channels)}
            values = {name: value(kind, step) for name, kind in names.items()}
            versions = {name: f"{step:08d}.{uuid4().hex[:8]}" for name in names}
            checkpoint: Any = {
                "v": 4,
                "id": f"{step:08d}-{uuid4()}",
                "ts": "now",
                "channel_values": values,
                "channel_versions": versions,
                "versions_seen": {"node": versions},
                "updated_channels": None,
            }
            config: Any = {"configurable": {"thread_id": f"thread-{thread}", "checkpoint_ns": "", **parent}}
            saver.put(config, checkpoint, {"step": step}, versions)
            parent = {"checkpoint_id": checkpoint["id"]}
            for task in range(writes):
                at: Any = {"configurable": {**config["configurable"], **parent}}
                saver.put_writes(at, [("messages", [noise(400) for _ in range(30)])], f"task-{task}")


@pytest.mark.thorough
@settings(max_examples=12)
@given(
    channels=st.lists(
        st.sampled_from(["number", "text", "list", "long list", "snapshot", "nested"]), min_size=1, max_size=40
    ),
    threads=st.sampled_from([1, 30]),
    writes=st.sampled_from([0, 4]),
)
def test_what_is_remembered_of_any_shape_of_checkpoints_is_within_the_bound(
    dynamodb: Any, channels: list[str], threads: int, writes: int
) -> None:
    saver = DynamoDBSaver(TABLE, Nowhere(dynamodb))
    saver._recent = RecentCheckpoints(BOUND)
    grow(saver, channels, threads, 60 // threads, writes)
    assert held(saver) <= 1.1 * BOUND


@pytest.mark.thorough
@pytest.mark.parametrize(("checkpoints", "channels"), [(150, 40), (500, 2)])
def test_a_history_that_is_held_until_it_is_asked_for_is_within_the_bound(
    saver: DynamoDBSaver, user_id: str, checkpoints: int, channels: int
) -> None:
    """It is read with the head: all checkpoints since the last snapshot, as the table has them."""
    saver._recent = RecentCheckpoints(BOUND)
    config: Any = {"configurable": {"thread_id": user_id, "checkpoint_ns": ""}}
    names = [f"channel-{number}" for number in range(channels)]
    parent: dict[str, str] = {}
    for step in range(checkpoints):
        versions = {name: f"{step:08d}.{uuid4().hex[:8]}" for name in names}
        values = {} if step else {name: _DeltaSnapshot(["seed"]) for name in names}
        checkpoint: Any = {"v": 4, "id": f"{step:08d}", "ts": "now", "channel_values": values, "versions_seen": {}}
        checkpoint |= {"channel_versions": versions, "updated_channels": None}
        metadata: Any = {"counters_since_delta_snapshot": dict.fromkeys(names if step else [], (1, 1))}
        saver.put({"configurable": {**config["configurable"], **parent}}, checkpoint, metadata, versions)
        parent = {"checkpoint_id": checkpoint["id"]}
    for _ in range(2):
        assert saver.get_tuple(config)
    assert held(saver) <= 1.1 * BOUND
    assert saver.get_tuple(config)
    history = saver.get_delta_channel_history(config=config, channels=names)
    assert all(found["seed"] == _DeltaSnapshot(["seed"]) for found in history.values())
