"""Keys, payloads and batches of CheckpointsTable."""

import subprocess
import sys
from typing import Any

import boto3
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatkeep.checkpoint_items import create_table, delete_thread, keys
from chatkeep.checkpoint_items.requests import get_all, put_all
from chatkeep.checkpointer import codec
from chatkeep.checkpointer.items import split
from chatkeep.errors import BrokenThreadError, StorageUnavailableError
from tests.engines import Engine

TABLE = "chatkeep-CheckpointsTable"
texts = st.text(st.characters(exclude_categories=["Cs"]))
ids = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=40)


@given(texts)
def test_an_escaped_name_has_no_separator_and_comes_back(text: str) -> None:
    assert keys.SEPARATOR not in keys.escape(text)
    assert keys.unescape(keys.escape(text)) == text


@given(texts, texts)
def test_escaped_names_sort_as_the_names_do(one: str, other: str) -> None:
    assert (one.encode() < other.encode()) == (keys.escape(one).encode() < keys.escape(other).encode())


@given(ids, ids, texts)
def test_the_bounds_of_a_checkpoint_hold_its_keys_and_no_other(one: str, other: str, task: str) -> None:
    header = keys.header("", one)
    for inside in (header, keys.writes("", one, task, 0), keys.bundle("", one, "token")):
        assert header <= inside <= keys.after(header)
    if other != one:
        assert not header <= keys.header("", other) <= keys.after(header)
        assert not header <= keys.writes("", other, task, 3) <= keys.after(header)


@given(texts, ids, texts)
def test_a_key_of_writes_says_where_it_belongs(namespace: str, checkpoint_id: str, task: str) -> None:
    name = keys.name(namespace)
    assert keys.belongs_to(keys.header(namespace, checkpoint_id)) == (name, checkpoint_id, True)
    of_task, of_many = keys.writes(namespace, checkpoint_id, task, 1), keys.bundle(namespace, checkpoint_id, "token")
    assert keys.belongs_to(of_task) == keys.belongs_to(of_many) == (name, checkpoint_id, False)
    assert [keys.is_bundle(of_task), keys.is_bundle(of_many)] == [False, True]


def test_two_long_names_stay_apart_and_fit_into_a_key() -> None:
    long = "node:" + "x" * 2_000
    assert keys.name(long) != keys.name(long + "y")
    assert len(keys.writes(long, "id", long, 0).encode()) < 1_024


@pytest.mark.parametrize("thread_id", ["", "x" * 1_025, "é" * 513, 7])
def test_a_thread_id_that_cannot_be_a_key_is_refused(thread_id: Any) -> None:
    with pytest.raises(ValueError, match="thread_id"):
        keys.partition(thread_id)


@given(st.binary(max_size=5_000))
def test_a_payload_comes_back(plain: bytes) -> None:
    stored = codec.with_checksum(codec.compress(plain))
    assert codec.decompress(codec.without_checksum(b"".join(split(stored)), "it")) == plain


@given(st.binary(min_size=1, max_size=200), st.data())
def test_a_changed_byte_is_noticed(plain: bytes, data: st.DataObject) -> None:
    stored = bytearray(codec.with_checksum(codec.compress(plain)))
    stored[data.draw(st.integers(0, len(stored) - 1))] ^= data.draw(st.integers(1, 255))
    with pytest.raises(BrokenThreadError, match="the row at 7"):
        codec.without_checksum(bytes(stored), "the row at 7")


def test_text_that_compresses_is_compressed_and_noise_is_not() -> None:
    assert len(codec.compress(b"a sentence, " * 100)) < 100
    noise = bytes(range(256))
    assert codec.compress(noise) == b"\x00" + noise


def test_a_long_payload_is_split_into_parts_that_fit_an_item() -> None:
    parts = split(bytes(1_000_000))
    assert len(parts) == 3
    assert max(map(len, parts)) < 400_000


def items(thread_id: str, count: int) -> list[dict[str, Any]]:
    return [{**keys.primary(thread_id, f"X!{number:05d}"), "d": {"B": b"x"}} for number in range(count)]


def test_a_table_is_created_once(dynamodb: Any) -> None:
    create_table(dynamodb, "another-table")
    create_table(dynamodb, "another-table")
    assert dynamodb.describe_table(TableName="another-table")["Table"]["KeySchema"][1]["AttributeName"] == "sk"
    dynamodb.delete_table(TableName="another-table")


def test_deleting_a_thread_leaves_the_others(dynamodb: Any, user_id: str) -> None:
    put_all(dynamodb, TABLE, [*items(user_id, 60), *items(f"{user_id}0", 2)])
    assert delete_thread(dynamodb, TABLE, user_id) == 60
    assert delete_thread(dynamodb, TABLE, user_id) == 0
    assert delete_thread(dynamodb, TABLE, f"{user_id}0") == 2


class Throttle:
    """Leaves all but `done` entries of each batch unprocessed, as DynamoDB does when it throttles."""

    def __init__(self, client: Any, done: int) -> None:
        self.done, self.left = done, dict[str, Any]()
        client.meta.events.register("provide-client-params.dynamodb.BatchWriteItem", self.take_some_writes)
        client.meta.events.register("after-call.dynamodb.BatchWriteItem", self.say_what_is_left)

    def take_some_writes(self, params: dict[str, Any], **_: Any) -> dict[str, Any]:
        ((table, writes),) = params["RequestItems"].items()
        taken, rest = writes[: self.done], writes[self.done :]
        self.left = {table: rest} if rest else {}
        nothing = {"DeleteRequest": {"Key": keys.primary("nobody", "nothing")}}
        return {**params, "RequestItems": {table: taken or [nothing]}}

    def say_what_is_left(self, parsed: dict[str, Any], **_: Any) -> None:
        parsed["UnprocessedItems"] = self.left


@pytest.fixture
def throttled(engine: Engine) -> Any:
    """A client of its own, which a test may make fail."""
    return boto3.client("dynamodb", endpoint_url=engine.endpoint)


def test_unprocessed_writes_are_sent_again(dynamodb: Any, throttled: Any, user_id: str) -> None:
    Throttle(throttled, done=9)
    put_all(throttled, TABLE, items(user_id, 30))
    found = get_all(dynamodb, TABLE, user_id, [item["sk"]["S"] for item in items(user_id, 30)])
    assert len(found) == 30


def test_writes_that_are_never_processed_end_in_an_error(
    throttled: Any, user_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    Throttle(throttled, done=0)
    with pytest.raises(StorageUnavailableError, match="unprocessed"):
        put_all(throttled, TABLE, items(user_id, 3))


def test_more_items_than_one_batch_are_read(dynamodb: Any, user_id: str) -> None:
    put_all(dynamodb, TABLE, items(user_id, 230))
    wanted = [item["sk"]["S"] for item in items(user_id, 230)]
    assert list(get_all(dynamodb, TABLE, user_id, [*wanted, "X!missing"])) == wanted


def test_deleting_checkpoints_needs_no_langgraph() -> None:
    program = (
        "import sys; sys.path.insert(0, 'layers/shared'); import chatkeep.checkpoint_items;"
        "print([m for m in sys.modules if m.split('.')[0] in ('langgraph', 'langchain_core', 'ormsgpack')])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
