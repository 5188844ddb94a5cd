"""Checkpoints put by processes that have read the same state: what one has written stays as it was."""

from typing import Any

import pytest
from botocore.exceptions import ClientError

from chatkeep.checkpointer import DynamoDBSaver, StagedSaver
from chatkeep.errors import ConcurrentWriteError
from tests.checkpoint_threads import TABLE, Thread, another, noise


@pytest.fixture
def trunk(thread: Thread) -> Thread:
    """A thread whose head has a list with rows."""
    thread.put({"list": [noise(900) for _ in range(3)]})
    return thread


def copies(thread: Thread, **options: Any) -> list[Thread]:
    """Two processes that have read the head."""
    found = [another(thread, **options) for _ in range(2)]
    for one in found:
        one.values()
    return found


def test_two_branches_from_two_copies_are_both_whole(trunk: Thread) -> None:
    head = f"{trunk.count:06d}"
    before = trunk.values()["list"]
    one, other = copies(trunk)
    longer = [[*before, *(noise(900) for _ in range(2))] for _ in range(2)]
    first = one.put({"list": longer[0]}, head)
    other.count += 1
    second = other.put({"list": longer[1]}, head)
    assert [another(trunk).values(name)["list"] for name in (first, second)] == longer


def test_the_same_elements_from_two_copies_share_a_row(trunk: Thread) -> None:
    head = f"{trunk.count:06d}"
    longer = [*trunk.values()["list"], noise(900), noise(900)]
    rows = len(trunk.items("R!"))
    one, other = copies(trunk)
    one.put({"list": longer}, head)
    other.count += 1
    other.put({"list": longer}, head)
    assert len(trunk.items("R!")) == rows + 1
    assert another(trunk).values()["list"] == longer


def staged(thread: Thread, values: dict[str, Any]) -> StagedSaver:
    """A checkpoint on the head, from a copy of its own."""
    copy = another(thread, require_head_parent=thread.saver.require_head_parent)
    head = copy.saver.get_tuple(copy.at())
    made = copy.saver.staged()
    copy.saver = made  # type: ignore[assignment]
    copy.put(values, head and head.checkpoint["id"])
    return made


def commit(thread: Thread, made: StagedSaver, *, fresh: bool = False) -> None:
    writes = made.writes(fresh=fresh)
    thread.saver.client.transact_write_items(TransactItems=[*writes.payload, *writes.heads])


@pytest.mark.parametrize("value", [1, [1]])
def test_a_staged_checkpoint_is_stored_once(trunk: Thread, value: Any) -> None:
    made = staged(trunk, {"value": value})
    commit(trunk, made)
    stored = trunk.items("H!")
    with pytest.raises(ClientError, match="ConditionalCheckFailed"):
        commit(trunk, made)
    assert trunk.items("H!") == stored


def test_rows_that_another_turn_has_claimed_are_left_as_they_are(trunk: Thread) -> None:
    before = trunk.values()["list"]
    one, other = (staged(trunk, {"list": [*before, noise(900), noise(900)]}) for _ in range(2))
    commit(trunk, one)
    stored = trunk.items("R!")
    with pytest.raises(ClientError, match="ConditionalCheckFailed"):
        commit(trunk, other)
    assert trunk.items("R!") == stored


@pytest.fixture
def strict(trunk: Thread, dynamodb: Any) -> Thread:
    """The same with a head that has to be the parent."""
    again = Thread(DynamoDBSaver(TABLE, dynamodb, require_head_parent=True), trunk.thread_id)
    again.count = trunk.count
    again.put({"value": 0}, f"{trunk.count:06d}")
    return again


def test_a_put_from_a_copy_of_a_head_that_has_moved_is_refused(strict: Thread) -> None:
    head = f"{strict.count:06d}"
    one, other = copies(strict, require_head_parent=True)
    stored = one.put({"value": 1}, head)
    other.count += 1
    with pytest.raises(ConcurrentWriteError):
        other.put({"value": 2}, head)
    assert another(strict).values() == {"value": 1}
    with pytest.raises(ConcurrentWriteError):
        other.put({"value": 3})
    one.put({"value": 4}, stored)


def test_a_thread_from_before_the_head_was_required_takes_no_second_beginning(trunk: Thread) -> None:
    with pytest.raises(ConcurrentWriteError):
        another(trunk, require_head_parent=True).put({"value": 1})
    assert list(another(trunk).values()) == ["list"]


def test_a_put_that_is_sent_twice_is_no_rival_of_itself(strict: Thread) -> None:
    head = f"{strict.count:06d}"
    for copy in copies(strict, require_head_parent=True):
        copy.put({"value": 1}, head)
    assert another(strict).values() == {"value": 1}


def test_a_turn_from_a_copy_of_a_head_that_has_moved_is_refused_at_each_try(strict: Thread) -> None:
    one, other = staged(strict, {"value": 1}), staged(strict, {"value": 2})
    commit(strict, one)
    with pytest.raises(ClientError, match="ConditionalCheckFailed"):
        commit(strict, other)
    with pytest.raises(ConcurrentWriteError):
        commit(strict, other, fresh=True)
    assert another(strict).values() == {"value": 1}
