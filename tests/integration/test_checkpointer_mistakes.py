"""What a caller can do wrong: the error names the table, the key or the argument, and nothing is stored or deleted."""

import asyncio
from typing import Any

import boto3
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatkeep.checkpointer import DynamoDBSaver
from tests.checkpoint_threads import TABLE, Thread

NO_IDS: list[Any] = [5, None, 1.5, b"thread", ["thread"], "", "x" * 1025, "é" * 513, "\ud800"]
CHECKPOINT: Any = {"v": 4, "id": "1", "ts": "now", "channel_values": {}, "channel_versions": {}, "versions_seen": {}}


def config(**names: Any) -> Any:
    return {"configurable": {"thread_id": "thread", "checkpoint_ns": "", "checkpoint_id": "1", **names}}


def uses(saver: Any, given: Any) -> dict[str, Any]:
    """Everything that takes a config, by name."""
    return {
        "get_tuple": lambda: saver.get_tuple(given),
        "list": lambda: list(saver.list(given)),
        "put": lambda: saver.put(given, CHECKPOINT, {}, {}),
        "put_writes": lambda: saver.put_writes(given, [("a", 1)], "task"),
        "history": lambda: saver.get_delta_channel_history(config=given, channels=["a"]),
    }


def refused(use: Any) -> str:
    with pytest.raises((TypeError, ValueError)) as error:
        use()
    assert not isinstance(error.value, UnicodeError)
    return str(error.value)


@pytest.mark.parametrize("name", NO_IDS, ids=lambda name: repr(name)[:12])
@pytest.mark.parametrize("staged", [False, True])
def test_a_config_without_a_usable_thread_id_is_refused_by_name(saver: Any, name: Any, staged: bool) -> None:
    for use in uses(saver.staged() if staged else saver, config(thread_id=name)).values():
        assert "thread_id" in refused(use)


@pytest.mark.parametrize("name", [5, b"1", ["1"], "x" * 257, "\ud800"], ids=lambda name: repr(name)[:12])
@pytest.mark.parametrize("staged", [False, True])
def test_a_config_without_a_usable_checkpoint_id_is_refused_by_name(saver: Any, name: Any, staged: bool) -> None:
    for use in uses(saver.staged() if staged else saver, config(checkpoint_id=name)).values():
        assert "checkpoint_id" in refused(use)


@pytest.mark.parametrize("name", [5, b"a", ["a"], "\ud800"], ids=lambda name: repr(name)[:12])
@pytest.mark.parametrize("staged", [False, True])
def test_a_config_without_a_usable_namespace_is_refused_by_name(saver: Any, name: Any, staged: bool) -> None:
    for use in uses(saver.staged() if staged else saver, config(checkpoint_ns=name)).values():
        assert "checkpoint_ns" in refused(use)


@pytest.mark.parametrize("given", [{}, {"configurable": {}}, {"configurable": {"checkpoint_ns": ""}}])
def test_a_config_without_a_thread_is_refused_by_name(saver: Any, given: Any) -> None:
    for use in uses(saver, given).values():
        assert "thread_id" in refused(use)


@pytest.mark.parametrize("checkpoint_id", [5, None, "", "x" * 257])
@pytest.mark.parametrize("staged", [False, True])
def test_a_checkpoint_needs_an_id_that_can_be_a_key(saver: Any, checkpoint_id: Any, staged: bool) -> None:
    used = saver.staged() if staged else saver
    assert "id" in refused(lambda: used.put(config(), {**CHECKPOINT, "id": checkpoint_id}, {}, {}))


@pytest.mark.parametrize("task_id", [5, None, b"task"])
def test_pending_writes_need_a_task_by_name(saver: Any, task_id: Any) -> None:
    assert "task_id" in refused(lambda: saver.put_writes(config(), [("a", 1)], task_id))


@pytest.mark.parametrize("name", NO_IDS, ids=lambda name: repr(name)[:12])
def test_what_deletes_or_copies_names_the_argument_that_is_no_thread(saver: Any, name: Any) -> None:
    assert "thread_id" in refused(lambda: saver.delete_thread(name))
    assert "source_thread_id" in refused(lambda: saver.copy_thread(name, "target"))
    assert "target_thread_id" in refused(lambda: saver.copy_thread("source", name))
    for strategy in ("keep_latest", "delete"):
        assert "thread_ids" in refused(lambda strategy=strategy: saver.prune(["thread", name], strategy=strategy))


@pytest.mark.parametrize("ids", ["ab", b"ab", 5, None, ["a", 5], ["a", None]])
def test_one_name_is_not_taken_for_a_list_of_names(thread: Thread, ids: Any) -> None:
    others = [Thread(thread.saver, name) for name in ("a", "b", "ab")]
    for other in others:
        head = other.put({"messages": [1]}, run_id="a")
        other.put({"messages": [1, 2]}, head, run_id="b")
    for strategy in ("keep_latest", "delete"):
        assert "thread_ids" in refused(lambda strategy=strategy: thread.saver.prune(ids, strategy=strategy))
    assert "run_ids" in refused(lambda: thread.saver.delete_for_runs(ids))
    with pytest.raises((TypeError, ValueError), match="thread_ids"):
        asyncio.run(thread.saver.aprune(ids))
    assert [len(list(thread.saver.list(other.at()))) for other in others] == [2, 2, 2]


@given(st.lists(st.sampled_from(["a", "b"]), max_size=3).map(tuple) | st.sets(st.sampled_from(["a", "b"])))
def test_any_collection_of_names_will_do(dynamodb: Any, ids: Any) -> None:
    saver = DynamoDBSaver(TABLE, dynamodb)
    for name in ("a", "b", "ab"):
        Thread(saver, name).put({"messages": [1]})
    saver.prune(ids, strategy="delete")
    assert [name for name in ("a", "b", "ab") if saver.get_tuple(config(thread_id=name, checkpoint_id=None))] == [
        name for name in ("a", "b", "ab") if name not in ids
    ]


@pytest.mark.parametrize("limit", [-1, 1.5, "1"])
def test_a_limit_is_a_number_of_checkpoints(saver: Any, limit: Any) -> None:
    assert "limit" in refused(lambda: list(saver.list(config(), limit=limit)))


@pytest.mark.parametrize("table", ["", None, 5])
def test_a_saver_needs_the_name_of_a_table(dynamodb: Any, table: Any) -> None:
    assert "table_name" in refused(lambda: DynamoDBSaver(table, dynamodb))


@pytest.mark.usefixtures("engine")
def test_a_saver_needs_a_client_and_no_resource() -> None:
    resource = boto3.resource("dynamodb")
    for wrong in (resource, resource.Table(TABLE), boto3.client("s3"), "dynamodb", object()):
        said = refused(lambda wrong=wrong: DynamoDBSaver(TABLE, wrong))
        assert "client" in said
        assert "boto3.client" in said


@pytest.mark.parametrize("bytes_", [-1, None, "64 MB"])
def test_a_cache_has_a_number_of_bytes(dynamodb: Any, bytes_: Any) -> None:
    assert "cache_bytes" in refused(lambda: DynamoDBSaver(TABLE, dynamodb, cache_bytes=bytes_))


def every_use(saver: DynamoDBSaver) -> dict[str, Any]:
    return {
        **uses(saver, config()),
        "put beside others": lambda: saver.put(config(checkpoint_id=None), {**CHECKPOINT, "id": "2"}, {}, {}),
        "delete_thread": lambda: saver.delete_thread("thread"),
        "delete_for_runs": lambda: saver.delete_for_runs(["run"]),
        "copy_thread": lambda: saver.copy_thread("thread", "other"),
        "prune": lambda: saver.prune(["thread"]),
        "prune all": lambda: saver.prune(["thread"], strategy="delete"),
    }


@pytest.mark.parametrize("guarded", [False, True])
@pytest.mark.parametrize("use", every_use(None))  # type: ignore[arg-type]
def test_a_table_that_is_not_there_is_named(dynamodb: Any, use: str, guarded: bool) -> None:
    saver = DynamoDBSaver("no-such-table", dynamodb, require_head_parent=guarded)
    said = refused(every_use(saver)[use])
    assert "no-such-table" in said
    assert "create_table" in said


@pytest.fixture
def other_keys(dynamodb: Any, request: pytest.FixtureRequest) -> Any:
    """A table that is somebody else's: its keys."""
    names = request.param
    dynamodb.create_table(
        TableName="other-keys",
        KeySchema=[
            {"AttributeName": name, "KeyType": kind} for name, kind in zip(names, ("HASH", "RANGE"), strict=False)
        ],
        AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in names],
        BillingMode="PAY_PER_REQUEST",
    )
    yield names
    dynamodb.delete_table(TableName="other-keys")


SCANS = {"delete_for_runs"}  # whatever the keys
PARTITION_ONLY = {"copy_thread", "delete_thread", "prune all", "put beside others"}  # of which such a table has one
WRONG = [
    (keys, use)
    for keys in (["id"], ["pk"], ["PK", "SK"], ["pk", "sort"])
    for use in sorted({*every_use(None)} - SCANS)  # type: ignore[arg-type]
    if keys[0] != "pk" or use not in PARTITION_ONLY
]


@pytest.mark.parametrize(("other_keys", "use"), WRONG, indirect=["other_keys"])
@pytest.mark.usefixtures("other_keys")
def test_a_table_with_other_keys_is_named_with_those_that_it_needs(dynamodb: Any, use: str) -> None:
    said = refused(every_use(DynamoDBSaver("other-keys", dynamodb))[use])
    assert "other-keys" in said
    assert "pk and sk" in said


@pytest.mark.parametrize("other_keys", [["PK", "SK"]], indirect=True)
@pytest.mark.usefixtures("other_keys")
def test_a_table_is_not_made_where_another_one_has_its_name(dynamodb: Any) -> None:
    said = refused(lambda: DynamoDBSaver.create_table(dynamodb, "other-keys"))
    assert "other-keys" in said


def test_other_errors_of_the_storage_stay_what_they_are(saver: DynamoDBSaver, user_id: str) -> None:
    """An item that is too large is no mistake about tables."""
    with pytest.raises(saver.client.exceptions.ClientError, match=r"(?i)size|exceed|large"):
        saver.put(config(thread_id=user_id, checkpoint_id=None), CHECKPOINT, {"run_id": "x" * 500_000}, {})
