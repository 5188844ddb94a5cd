"""Branches and writers of one thread: nobody overwrites what another one refers to."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from chatkeep.checkpointer import DynamoDBSaver
from chatkeep.errors import ConcurrentWriteError
from tests.checkpoint_threads import Thread, another, noise


def test_branches_of_one_checkpoint_do_not_see_each_other(thread: Thread) -> None:
    trunk = [noise(900) for _ in range(5)]
    root = thread.put({"messages": trunk})
    branches = [[*trunk, *(noise(900) for _ in range(length))] for length in (1, 3, 120, 400)]
    ids = [thread.put({"messages": branch}, root) for branch in branches]
    ids = [thread.put({"messages": [*b, "end"]}, id_) for b, id_ in zip(branches, ids, strict=True)]
    for branch, checkpoint_id in zip(branches, ids, strict=True):
        assert another(thread).values(checkpoint_id) == {"messages": [*branch, "end"]}
    assert another(thread).values(root) == {"messages": trunk}


def test_writers_side_by_side_do_not_overwrite_each_other(thread: Thread) -> None:
    root = thread.put({"messages": [noise(2_000)]})
    trunk = thread.values()["messages"]

    def branch(number: int) -> tuple[str, list[str]]:
        own = another(thread)
        own.count, parent, messages = 100 * number, root, trunk
        for _ in range(10):
            messages = [*messages, noise(2_000)]
            parent = own.put({"messages": messages}, parent)
        return parent, messages

    with ThreadPoolExecutor(8) as pool:
        results = list(pool.map(branch, range(1, 9)))
    for checkpoint_id, messages in results:
        assert another(thread).values(checkpoint_id) == {"messages": messages}


def test_a_put_whose_parent_is_not_the_head_can_be_refused(thread: Thread) -> None:
    first = thread.put({"a": 1})
    strict = another(thread, require_head_parent=True)
    second = strict.put({"a": 2}, first)
    with pytest.raises(ConcurrentWriteError):
        strict.put({"a": "lost"}, first)
    with pytest.raises(ConcurrentWriteError):
        strict.put({"a": "lost too"})
    assert strict.values() == {"a": 2}
    third = thread.count = int(another(thread).put({"a": 3}, second))
    assert strict.put({"a": 4}, f"{third:06d}") > f"{third:06d}"


def test_of_many_strict_writers_on_one_head_one_succeeds(thread: Thread) -> None:
    first = thread.put({"a": 0})

    def write(number: int) -> bool:
        strict = another(thread, require_head_parent=True)
        strict.count = 10 + number
        try:
            strict.put({"a": number}, first)
        except ConcurrentWriteError:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(write, range(8))) == 1


@pytest.mark.parametrize(
    ("current", "larger"), [(None, "00000001."), ("00000009.aa", "00000010."), (f"{9:032}.5", f"{10:032}."), (3, 4)]
)
def test_versions_grow_and_differ_between_writers(saver: DynamoDBSaver, current: Any, larger: Any) -> None:
    versions = {saver.get_next_version(current, None) for _ in range(50)}
    assert len(versions) == 50
    assert min(versions) >= larger
    assert current is None or min(versions) > current
