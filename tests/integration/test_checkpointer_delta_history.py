"""The history of DeltaChannels, as LangGraph's main branch asks it of a saver: seeds, order, the end of the walk."""

import asyncio
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from langgraph.checkpoint.serde.types import _DeltaSnapshot

from chatkeep.checkpointer import DynamoDBSaver
from tests.checkpoint_threads import TABLE, Thread, another

Values = dict[str, Any]


def chain(thread: Thread, steps: list[tuple[Values, Values]]) -> list[str]:
    """Checkpoints one on top of the other, each with these values and these pending writes."""
    ids: list[str] = []
    for values, writes in steps:
        ids.append(thread.put(values, ids[-1] if ids else None))
        for number, (channel, value) in enumerate(writes.items()):
            thread.saver.put_writes(thread.at(ids[-1]), [(channel, value)], f"task-{number}")
    return ids


def history(thread: Thread, checkpoint_id: str, *channels: str) -> Any:
    """The same from this process, from one that has not seen the thread, and from a turn's saver."""
    config = thread.at(checkpoint_id)
    asked = another(thread).saver
    found = asyncio.run(asked.aget_delta_channel_history(config=config, channels=channels))
    assert thread.saver.get_delta_channel_history(config=config, channels=channels) == found
    assert another(thread).saver.staged().get_delta_channel_history(config=config, channels=channels) == found
    return found


def written(found: Any) -> list[Any]:
    return [value for _, _, value in found["writes"]]


def test_writes_come_oldest_first_and_the_checkpoints_own_are_not_among_them(thread: Thread) -> None:
    ids = chain(thread, [({"ch": _DeltaSnapshot(0)}, {}), *(({}, {"ch": number}) for number in range(1, 5))])
    assert written(history(thread, ids[-1], "ch")["ch"]) == [1, 2, 3]
    thread.saver.put_writes(thread.at(ids[-1]), [("ch", "extra")], "later")
    assert written(history(thread, ids[-1], "ch")["ch"]) == [1, 2, 3]


def test_the_seed_is_the_nearest_snapshot(thread: Thread) -> None:
    snapshots = {0: _DeltaSnapshot("zero"), 3: _DeltaSnapshot("three")}
    steps = [({"ch": snapshots[at]}, {}) if at in snapshots else ({}, {"ch": at}) for at in range(6)]
    found = history(thread, chain(thread, steps)[-1], "ch")["ch"]
    assert found["seed"] == _DeltaSnapshot("three")
    assert written(found) == [4]


def test_each_channel_goes_back_to_its_own_seed(thread: Thread) -> None:
    values = [{}, {"a": _DeltaSnapshot("of a")}, {}, {"b": _DeltaSnapshot("of b")}, {}]
    ids = chain(thread, [(own, {"a": at, "b": at}) for at, own in enumerate(values)])
    found = history(thread, ids[-1], "a", "b")
    assert {channel: written(one) for channel, one in found.items()} == {"a": [1, 2, 3], "b": [3]}


def test_nothing_is_asked_for_and_nothing_comes(thread: Thread) -> None:
    ids = chain(thread, [({"ch": _DeltaSnapshot(0)}, {}), ({}, {"ch": 1})])
    assert history(thread, ids[-1]) == {}


def test_a_history_without_a_snapshot_goes_back_to_the_root_and_has_no_seed(thread: Thread) -> None:
    ids = chain(thread, [({}, {"ch": at}) for at in range(4)])
    found = history(thread, ids[-1], "ch")["ch"]
    assert "seed" not in found
    assert written(found) == [0, 1, 2]


def test_a_plain_value_from_before_the_channel_was_one_is_its_seed(thread: Thread) -> None:
    ids = chain(thread, [({}, {"ch": 0}), ({"ch": [10, 20, 30]}, {}), ({}, {"ch": 2}), ({}, {"ch": 3})])
    found = history(thread, ids[-1], "ch")["ch"]
    assert found["seed"] == [10, 20, 30]
    assert written(found) == [2]


@pytest.mark.parametrize("kept", [[10, 20], _DeltaSnapshot([10, 20])])
def test_writes_at_the_seed_itself_are_replayed_and_older_ones_are_in_it(thread: Thread, kept: Any) -> None:
    steps = [({"ch": [10]}, {"ch": "older"}), ({"ch": kept}, {"ch": "at"}), ({}, {"ch": "after"}), ({}, {"ch": "own"})]
    found = history(thread, chain(thread, steps)[-1], "ch")["ch"]
    assert found["seed"] == kept
    assert written(found) == ["at", "after"]


STEP = st.dictionaries(st.sampled_from(["a", "b"]), st.sampled_from(["plain", "snapshot", "write", "both"]))


@settings(max_examples=30)
@given(st.lists(STEP, min_size=1, max_size=8))
def test_any_history_is_what_a_list_of_its_steps_says(dynamodb: Any, user_id: str, steps: list[dict[str, str]]) -> None:
    thread = Thread(DynamoDBSaver(TABLE, dynamodb), f"{user_id}-{uuid4()}")
    made = [
        (
            {name: [at] if kind == "plain" else _DeltaSnapshot([at]) for name, kind in step.items() if kind != "write"},
            {name: at for name, kind in step.items() if kind in ("write", "both")},
        )
        for at, step in enumerate(steps)
    ]
    found = history(thread, chain(thread, [*made, ({}, {})])[-1], "a", "b")
    for name in ("a", "b"):
        seeded = max((at for at, (values, _) in enumerate(made) if name in values), default=None)
        assert found[name].get("seed") == (None if seeded is None else made[seeded][0][name])
        assert written(found[name]) == [writes[name] for _, writes in made[seeded or 0 :] if name in writes]
