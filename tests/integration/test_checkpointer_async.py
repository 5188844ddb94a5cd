"""The async methods: they have threads of their own, which end with the saver."""

import asyncio
import gc
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextvars import ContextVar
from typing import Any

import pytest
from langgraph.graph import START, MessagesState, StateGraph

from chatkeep.checkpointer import DynamoDBSaver
from tests.checkpoint_threads import TABLE, Thread, noise

CALLS = 64
asked: ContextVar[str] = ContextVar("asked", default="nobody")


def config(name: str) -> Any:
    return {"configurable": {"thread_id": name, "checkpoint_ns": ""}}


def one_node(node: Any, saver: Any) -> Any:
    graph = StateGraph(MessagesState)
    graph.add_node("node", node)
    graph.add_edge(START, "node")
    return graph.compile(checkpointer=saver)


def saver_threads() -> set[threading.Thread]:
    return {thread for thread in threading.enumerate() if thread.name.startswith("checkpoint")}


async def ended(found: Any) -> None:
    """Threads end a moment after they were told to."""
    for _ in range(200):
        if not found():
            return
        await asyncio.sleep(0.01)


@pytest.mark.parametrize("staged", [False, True])
def test_a_saver_does_not_wait_for_nodes_that_fill_the_event_loops_threads(
    saver: DynamoDBSaver, user_id: str, staged: bool
) -> None:
    opened = threading.Event()

    async def both() -> None:
        loop = asyncio.get_running_loop()
        loop.set_default_executor(ThreadPoolExecutor(2))
        nodes = [loop.run_in_executor(None, opened.wait, 30) for _ in range(4)]
        used = saver.staged() if staged else saver
        assert await asyncio.wait_for(used.aget_tuple(config(user_id)), 10) is None
        assert [found async for found in used.alist(config(user_id))] == []
        opened.set()
        assert await asyncio.gather(*nodes) == [True] * 4

    asyncio.run(both())


def test_nodes_that_wait_for_another_turn_of_their_loop_do_not_stop_it(saver: DynamoDBSaver, user_id: str) -> None:
    finished = threading.Event()
    waiting = one_node(lambda _: {"messages": ["waited" if finished.wait(30) else "gave up"]}, saver)
    quick = one_node(lambda _: {"messages": ["quick"]}, saver)

    async def turns() -> list[Any]:
        loop = asyncio.get_running_loop()
        loop.set_default_executor(ThreadPoolExecutor(7))
        slow = [asyncio.create_task(waiting.ainvoke({"messages": []}, config(f"{user_id}-{n}"))) for n in range(6)]
        await asyncio.sleep(0.1)
        await quick.ainvoke({"messages": []}, config(user_id))
        finished.set()
        return await asyncio.gather(*slow)

    assert [found["messages"][-1].text for found in asyncio.run(turns())] == ["waited"] * 6


def test_an_async_call_sees_the_context_of_its_caller(
    saver: DynamoDBSaver, user_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(saver, "get_tuple", lambda _: asked.get())

    async def ask(name: str) -> Any:
        asked.set(name)
        return await saver.aget_tuple(config(user_id))

    async def all_of_them() -> list[Any]:
        return await asyncio.gather(*map(ask, map(str, range(CALLS))))

    assert asyncio.run(all_of_them()) == list(map(str, range(CALLS)))


def test_the_threads_of_many_async_calls_are_few(
    saver: DynamoDBSaver, user_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, seen = len(saver_threads()), []

    def look(_: Any) -> None:
        time.sleep(0.01)
        seen.append(len(saver_threads()) - before)

    monkeypatch.setattr(saver, "get_tuple", look)

    async def many() -> None:
        await asyncio.gather(*(saver.aget_tuple(config(user_id)) for _ in range(4 * CALLS)))

    asyncio.run(many())
    assert len(seen) == 4 * CALLS
    assert 1 < max(seen) <= 16


async def use(saver: DynamoDBSaver, thread: Thread) -> None:
    """Make a saver start all the threads that it has."""
    head = thread.put({f"channel-{n}": [noise(9_000) for _ in range(9)] for n in range(3)})
    await saver.aget_tuple(config(thread.thread_id))
    assert await DynamoDBSaver(TABLE, saver.client).aget_tuple(thread.at(head))


@pytest.mark.parametrize("end", ["close", "with", "collect"])
def test_a_savers_threads_end_with_it(dynamodb: Any, user_id: str, end: str) -> None:
    others = saver_threads()  # of savers that other tests have not let go of

    def own() -> set[threading.Thread]:
        return saver_threads() - others

    async def life() -> set[threading.Thread]:
        saver = DynamoDBSaver(TABLE, dynamodb)
        await use(saver, Thread(saver, user_id))
        assert own()
        if end == "close":
            saver.close()
        elif end == "with":
            with saver:
                pass
        del saver
        gc.collect()
        await ended(own)
        return own()

    assert asyncio.run(life()) == set()


def test_a_saver_that_is_closed_amid_use_refuses_no_call_and_leaves_no_threads(thread: Thread) -> None:
    head = thread.put({f"channel-{n}": [noise(9_000) for _ in range(9)] for n in range(3)})
    others = saver_threads()
    saver = DynamoDBSaver(TABLE, thread.saver.client)

    async def use_it() -> int:
        found = [await saver.aget_tuple(thread.at(head)) for _ in range(20)]
        return sum(one is not None for one in found)

    with ThreadPoolExecutor(4) as users:
        uses = [users.submit(asyncio.run, use_it()) for _ in range(4)]
        while not all(one.done() for one in uses):
            saver.close()
        assert [one.result() for one in uses] == [20] * 4
    saver.close()
    assert saver_threads() <= others


def test_a_closed_saver_starts_threads_again_when_it_is_used(thread: Thread) -> None:
    head = thread.put({"messages": [noise(900) for _ in range(9)]})
    for _ in range(3):
        thread.saver.close()
        thread.saver.close()
        assert asyncio.run(thread.saver.aget_tuple(thread.at(head)))


def test_savers_used_by_many_threads_at_once_start_their_own_threads_once(dynamodb: Any, user_id: str) -> None:
    saver = DynamoDBSaver(TABLE, dynamodb)
    thread = Thread(saver, user_id)
    thread.put({f"channel-{n}": [noise(9_000) for _ in range(9)] for n in range(3)})
    fresh = DynamoDBSaver(TABLE, dynamodb)
    saver.close()
    before = len(saver_threads())
    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(lambda _: fresh.get_tuple(thread.at()), range(16)))
    assert len(saver_threads()) - before <= 8
    fresh.close()


def test_a_call_that_nobody_waits_for_any_more_is_let_go(
    saver: DynamoDBSaver, user_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = threading.Event()
    monkeypatch.setattr(saver, "get_tuple", lambda _: opened.wait(30))

    async def give_up() -> None:
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(saver.aget_tuple(config(user_id)), 0.05)

    began = time.monotonic()
    asyncio.run(give_up())
    opened.set()
    assert time.monotonic() - began < 10
