"""Histories of DeltaChannels with missing or damaged parts: an error names the part; none is silently left out."""

import pytest
from langgraph.checkpoint.serde.types import _DeltaSnapshot

from chatkeep.checkpointer import record
from chatkeep.errors import BrokenThreadError
from tests.checkpoint_threads import TABLE, Thread, another, noise


@pytest.mark.parametrize("kind", ["R!", "V!", "X!"])
@pytest.mark.parametrize("damage", ["lost", "changed"])
def test_a_lost_or_changed_payload_is_an_error_that_names_it(thread: Thread, kind: str, damage: str) -> None:
    head = thread.put({"messages": [noise(3_000)], "blob": {"a": noise(900_000)}})
    thread.saver.put_writes(thread.at(head), [("blob", noise(90_000))], "task")
    item = thread.items(kind)[-1]
    if damage == "lost":
        thread.saver.client.delete_item(TableName=TABLE, Key={"pk": item["pk"], "sk": item["sk"]})
    else:
        item["d"] = {"B": item["d"]["B"][:-1] + bytes([item["d"]["B"][-1] ^ 1])}
        thread.saver.client.put_item(TableName=TABLE, Item=item)
    with pytest.raises(BrokenThreadError, match=r"messages|blob|task"):
        another(thread).values()


def test_a_checkpoint_in_another_format_is_an_error_that_names_it(
    thread: Thread, monkeypatch: pytest.MonkeyPatch
) -> None:
    head = thread.put({"messages": ["hello"]})
    monkeypatch.setattr(record, "_FORMAT", 2)
    with pytest.raises(BrokenThreadError, match=f"{head} was stored in a format"):
        another(thread).values()


def test_a_missing_ancestor_is_an_error_and_no_shorter_history(thread: Thread) -> None:
    ids: list[str] = []
    for number in range(6):
        ids.append(thread.put({"log": ...}, ids[-1] if ids else None))
        thread.saver.put_writes(thread.at(ids[-1]), [("log", number)], "task")
    config = thread.at(ids[-1])
    writes = another(thread).saver.get_delta_channel_history(config=config, channels=["log"])["log"]["writes"]
    assert [value for _, _, value in writes] == [0, 1, 2, 3, 4]
    thread.saver.client.delete_item(TableName=TABLE, Key={"pk": {"S": thread.thread_id}, "sk": {"S": f"H!!{ids[2]}"}})
    with pytest.raises(BrokenThreadError, match=ids[2]):
        another(thread).saver.get_delta_channel_history(config=config, channels=["log"])


def test_a_history_of_megabytes_takes_two_queries_a_megabyte(thread: Thread) -> None:
    ids = [thread.put({"log": _DeltaSnapshot([noise(200_000) for _ in range(5)])})]
    for _ in range(60):
        ids.append(thread.put({"log": ...}, ids[-1], counters_since_delta_snapshot={"log": (1, 1)}))
        thread.saver.put_writes(thread.at(ids[-1]), [("log", noise(25_000))], "task")
    queries: list[str] = []
    saver = another(thread).saver
    saver.client.meta.events.register("before-call.dynamodb.Query", lambda **_: queries.append("Query"))
    history = saver.get_delta_channel_history(config=thread.at(), channels=["log"])["log"]
    assert len(history["writes"]) == 59
    assert [len(value) for value in history["seed"].value] == [200_000] * 5
    assert len(queries) <= 2 * 3


def test_a_parent_whose_id_sorts_after_its_child_is_found(thread: Thread) -> None:
    thread.count = 500
    parent = thread.put({"log": ...})
    thread.saver.put_writes(thread.at(parent), [("log", "from a clock ahead")], "task")
    thread.count = 100
    child = thread.put({"log": ...}, parent)
    history = another(thread).saver.get_delta_channel_history(config=thread.at(child), channels=["log"])
    assert history["log"]["writes"] == [("task", "log", "from a clock ahead")]


def test_a_snapshot_after_many_writes_stores_only_what_is_new(thread: Thread) -> None:
    log = [noise(1_000) for _ in range(50)]
    head = thread.put({"log": _DeltaSnapshot(log)})
    head = thread.put({"log": ...}, head, counters_since_delta_snapshot={"log": (1, 1)})
    again = another(thread)
    again.saver.get_delta_channel_history(config=thread.at(head), channels=["log"])
    rows = len(thread.items("R!"))
    again.put({"log": _DeltaSnapshot([*log, noise(2_000)])}, head)
    assert len(thread.items("R!")) == rows + 1
    assert len(another(thread).values()["log"].value) == 51
