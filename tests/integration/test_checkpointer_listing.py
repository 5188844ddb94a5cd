"""Listing a thread: newest first, over all its namespaces, with as few requests as that takes."""

import asyncio
from operator import itemgetter
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chatkeep.checkpointer import DynamoDBSaver
from tests.cases import cases
from tests.checkpoint_threads import TABLE, Thread, another

NAMES = ["", "a", "a:1", "a:1|b:2", "z", "x" * 300]


class Watched:
    """A client that remembers the queries it was asked, and how many items they gave."""

    def __init__(self, client: Any) -> None:
        self.client, self.queries, self.items = client, 0, 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self.client, name)

    def query(self, **request: Any) -> Any:
        answer = self.client.query(**request)
        self.queries += 1
        self.items += len(answer["Items"])
        return answer


def threads(thread: Thread, names: list[str]) -> list[tuple[str, str, int]]:
    """Checkpoints in these namespaces, in this order: namespace, id and step of each."""
    made = []
    heads: dict[str, str] = {}
    for number, name in enumerate(names):
        thread.namespace = name
        heads[name] = thread.put({"messages": [number]}, heads.get(name), kind="even" if number % 2 == 0 else "odd")
        if number % 3 == 0:
            thread.saver.put_writes(thread.at(heads[name]), [("messages", number)], "task")
        made.append((name, heads[name], number + 1))
    return made


def listed(saver: Any, config: Any, **options: Any) -> list[tuple[str, str, int]]:
    return [
        (one.config["configurable"]["checkpoint_ns"], one.checkpoint["id"], one.metadata["step"])
        for one in saver.list(config, **options)
    ]


@settings(max_examples=40)
@given(
    names=st.lists(st.sampled_from(NAMES), min_size=1, max_size=30),
    limit=st.none() | st.integers(0, 8),
    before=st.none() | st.integers(1, 31),
    kind=st.sampled_from([None, "even", "odd"]),
    namespace=st.none() | st.sampled_from(NAMES),
    exact=st.none() | st.integers(1, 31),
)
def test_the_newest_come_first_whatever_is_asked_for(
    dynamodb: Any, user_id: str, names: list[str], limit: int | None, before: int | None, kind: str | None,
    namespace: str | None, exact: int | None,
) -> None:  # fmt: skip
    thread = Thread(DynamoDBSaver(TABLE, dynamodb), f"{user_id}-{uuid4()}")
    expected = sorted(threads(thread, names), key=itemgetter(2), reverse=True)
    configurable: dict[str, Any] = {"thread_id": thread.thread_id}
    configurable |= {} if namespace is None else {"checkpoint_ns": namespace}
    configurable |= {} if exact is None else {"checkpoint_id": f"{exact:06d}"}
    expected = [one for one in expected if namespace in (None, one[0]) and exact in (None, one[2])]
    expected = [one for one in expected if before is None or one[2] < before]
    expected = [one for one in expected if kind in (None, "even" if one[2] % 2 else "odd")][:limit]
    options: dict[str, Any] = {"limit": limit, "filter": {"kind": kind} if kind else None}
    options["before"] = None if before is None else {"configurable": {"checkpoint_id": f"{before:06d}"}}
    assert listed(thread.saver, {"configurable": configurable}, **options) == expected


def test_pending_writes_come_with_their_checkpoints(thread: Thread) -> None:
    threads(thread, NAMES * 4)
    config: Any = {"configurable": {"thread_id": thread.thread_id}}
    found = {one.metadata["step"]: len(one.pending_writes or []) for one in thread.saver.list(config)}
    assert found == {step: int(step % 3 == 1) for step in range(1, 25)}


@pytest.mark.parametrize(
    ("of_each", "most_queries", "most_items"), cases([(1, 3, 70), (400, 7, 60)], thorough=[(400, 7, 60)])
)
def test_a_limit_bounds_the_requests_and_not_the_thread(
    saver: DynamoDBSaver, user_id: str, of_each: int, most_queries: int, most_items: int
) -> None:
    """A query for each namespace that is longer than the limit, and one for dozens that are not."""
    names = ["", "call:1", "kept"] if of_each > 1 else ["", *(f"call:{number}" for number in range(40))]
    made = threads(Thread(saver, user_id), names * of_each)
    watched = Watched(saver.client)
    found = listed(DynamoDBSaver(TABLE, watched), {"configurable": {"thread_id": user_id}}, limit=1)
    assert found == [made[-1]]
    assert watched.queries <= most_queries
    assert watched.items <= most_items


def test_one_checkpoint_is_found_without_reading_the_others(saver: DynamoDBSaver, user_id: str) -> None:
    made = threads(Thread(saver, user_id), [""] * 400)
    watched = Watched(saver.client)
    config = {"configurable": {"thread_id": user_id, "checkpoint_ns": "", "checkpoint_id": made[7][1]}}
    assert listed(DynamoDBSaver(TABLE, watched), config) == [made[7]]
    assert watched.items <= 4


def test_a_turns_saver_lists_what_is_staged_and_what_is_stored_newest_first(saver: DynamoDBSaver, user_id: str) -> None:
    thread = Thread(saver, user_id)
    made = threads(thread, ["", "a", "z", ""])
    staged = another(thread)
    staged.saver = saver.staged()  # type: ignore[assignment]
    made += threads(staged, ["a", "", "z", "a"])
    config: Any = {"configurable": {"thread_id": user_id}}
    expected = [one[:2] for one in reversed(made)]
    assert [one[:2] for one in listed(staged.saver, config)] == expected
    assert [one[:2] for one in listed(staged.saver, config, limit=3)] == expected[:3]

    async def in_async() -> list[Any]:
        return [one.checkpoint["id"] async for one in staged.saver.alist(config, limit=6)]

    assert asyncio.run(in_async()) == [one for _, one in expected[:6]]
