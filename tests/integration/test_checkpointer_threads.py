"""Threads of any size, with any names, encrypted or not."""

import uuid
from collections.abc import Callable
from typing import Any

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given, settings
from hypothesis import strategies as st
from langgraph.checkpoint.serde.encrypted import EncryptedSerializer
from langgraph.checkpoint.serde.types import INTERRUPT

from chatkeep.checkpointer import DynamoDBSaver, strict_serializer
from chatkeep.errors import BrokenThreadError
from tests.cases import cases
from tests.checkpoint_threads import Thread, another, noise


@pytest.mark.parametrize("size", cases([0, 1, 1_000, 300_000, 5_000_000, 20_000_000], thorough=[20_000_000]))
@pytest.mark.parametrize("shape", [lambda text: text, lambda text: [text, text[:10]], lambda text: {"a": [text]}])
def test_a_state_of_any_size_comes_back(thread: Thread, size: int, shape: Callable[[str], Any]) -> None:
    value = shape(noise(size))
    thread.put({"value": value, "small": 1})
    assert another(thread).values() == {"value": value, "small": 1}


def test_a_list_over_many_rows_and_pages_comes_back(thread: Thread) -> None:
    messages = [noise(3_000) for _ in range(1_500)]
    thread.put({"messages": messages})
    assert another(thread).values() == {"messages": messages}


@pytest.mark.thorough
def test_a_checkpoint_with_five_hundred_channels_comes_back(thread: Thread) -> None:
    values = {f"channel {number}": noise(700) for number in range(500)}
    first = thread.put(values)
    thread.put({**values, "channel 7": "changed"}, first)
    assert another(thread).values() == {**values, "channel 7": "changed"}


def test_metadata_larger_than_an_item_comes_back(thread: Thread) -> None:
    thread.put({"a": 1}, note=noise(1_000_000))
    found = another(thread).saver.get_tuple(thread.at())
    assert found
    assert len(found.metadata["note"]) == 1_000_000  # type: ignore[typeddict-item]
    assert [each.checkpoint["id"] for each in thread.saver.list(thread.at())] == ["000001"]


@given(name=st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=400))
@settings(max_examples=25)
def test_any_name_of_namespace_channel_and_task_is_kept_apart(saver: DynamoDBSaver, user_id: str, name: str) -> None:
    thread_id = f"{user_id}-{uuid.uuid4()}"
    one, other = Thread(saver, thread_id, name), Thread(saver, thread_id, name + "!")
    for each in (one, other):
        each.put({name: noise(2_000), name + "!": each.namespace})
        saver.put_writes(each.at("000001"), [(name, each.namespace)], name)
    for each in (one, other):
        found = saver.get_tuple(each.at())
        assert found
        assert found.checkpoint["channel_values"][name + "!"] == each.namespace
        assert found.pending_writes == [(name, name, each.namespace)]
    assert len(list(saver.list({"configurable": {"thread_id": thread_id}}))) == 2


def test_pending_writes_come_in_the_order_of_path_task_and_index(thread: Thread) -> None:
    head = thread.put({"a": 1})
    for path, task in (("~b", "task-1"), ("~a", "task-10"), ("~a", "task-2")):
        thread.saver.put_writes(thread.at(head), [("a", number) for number in range(70)], task, path)
    found = thread.saver.get_tuple(thread.at())
    assert found
    expected = [(task, "a", number) for task in ("task-10", "task-2", "task-1") for number in range(70)]
    assert found.pending_writes == expected


def test_the_first_regular_write_stays_and_the_last_special_one(thread: Thread) -> None:
    head = thread.put({"a": 1})
    thread.saver.put_writes(thread.at(head), [("a", "first"), (INTERRUPT, "first")], "task")
    thread.saver.put_writes(thread.at(head), [("a", "last"), (INTERRUPT, "last"), ("a", "third")], "task")
    found = thread.saver.get_tuple(thread.at())
    assert found
    assert found.pending_writes == [("task", INTERRUPT, "last"), ("task", "a", "first"), ("task", "a", "third")]


@pytest.mark.thorough
def test_large_pending_writes_come_back(thread: Thread) -> None:
    head = thread.put({"a": 1})
    writes = [("a", noise(size)) for size in (700_000, 40_000, 3_000, 100) * 20]
    thread.saver.put_writes(thread.at(head), writes, "task")
    found = another(thread).saver.get_tuple(thread.at())
    assert found
    assert [(channel, value) for _, channel, value in found.pending_writes or []] == writes


class Cipher:
    def __init__(self) -> None:
        self.box, self.count = AESGCM(bytes(32)), 0

    def encrypt(self, plaintext: bytes) -> tuple[str, bytes]:
        self.count += 1
        nonce = self.count.to_bytes(12)
        return "gcm", nonce + self.box.encrypt(nonce, plaintext, None)

    def decrypt(self, ciphername: str, ciphertext: bytes) -> bytes:
        assert ciphername == "gcm"
        return self.box.decrypt(ciphertext[:12], ciphertext[12:], None)


def test_an_encrypted_thread_shows_nothing_and_still_writes_only_what_is_new(thread: Thread) -> None:
    serde = EncryptedSerializer(Cipher(), strict_serializer())
    secret = another(thread, serde=serde)
    messages, head = ["a secret " * 60 for _ in range(12)], None
    for number in range(1, 13):
        messages[number - 1] += str(number)
        head = secret.put({"messages": messages[:number], "blob": "a secret " * 200}, head)
        secret.saver.put_writes(secret.at(head), [("messages", "a secret")], "task")
    assert another(thread, serde=serde).values()["messages"] == messages
    stored = [*thread.items("H!"), *thread.items("R!"), *thread.items("V!")]
    assert not any(b"secret" in value["B"] for item in stored for value in item.values() if "B" in value)
    assert len(thread.items("R!")) <= 12
    with pytest.raises(BrokenThreadError, match="cipher"):
        another(thread).values()


class Forbidden:
    def model_dump(self) -> dict[str, str]:
        return {"command": "harm"}


def test_a_class_that_is_not_allowed_is_not_rebuilt(thread: Thread) -> None:
    thread.put({"value": Forbidden()})
    assert another(thread).values() == {"value": {"command": "harm"}}
