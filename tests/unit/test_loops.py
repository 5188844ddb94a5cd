"""Rules about the event loops that graphs run on."""

import asyncio
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from contextvars import ContextVar

import pytest

from chatkeep.turns.loops import GraphExitedError, OfThread, Shared

of_request = ContextVar("of_request", default="none")
LOOPS = [OfThread, Shared]


async def _its_loop() -> asyncio.AbstractEventLoop:
    return asyncio.get_running_loop()


@pytest.mark.parametrize("kind", LOOPS)
def test_a_loop_lives_on_from_turn_to_turn(kind: type[OfThread | Shared]) -> None:
    loop = kind()
    loop.begin_turn()
    first = loop.run(_its_loop())
    loop.begin_turn()
    assert loop.run(_its_loop()) is first


@pytest.mark.parametrize(("kind", "loops"), [(OfThread, 2), (Shared, 1)])
def test_threads_have_a_loop_each_or_share_one(kind: type[OfThread | Shared], loops: int) -> None:
    loop = kind()
    met = threading.Barrier(2)

    def turn() -> asyncio.AbstractEventLoop:
        met.wait(10)
        loop.begin_turn()
        return loop.run(_its_loop())

    with ThreadPoolExecutor(2) as threads:
        found = {one.result(20) for one in [threads.submit(turn), threads.submit(turn)]}
    assert len(found) == loops


@pytest.mark.parametrize("kind", LOOPS)
def test_work_sees_the_context_of_its_request_and_its_errors_are_raised(kind: type[OfThread | Shared]) -> None:
    loop = kind()

    async def fail() -> None:
        raise LookupError(of_request.get())

    of_request.set("mine")
    with pytest.raises(LookupError, match="mine"):
        loop.run(fail())


def test_a_graph_that_asks_the_process_to_end_stops_no_other_turn() -> None:
    loop, going = Shared(), threading.Event()

    async def another() -> str:
        going.set()
        await asyncio.sleep(0.2)
        return "done"

    async def leave() -> None:
        await asyncio.create_task(asyncio.to_thread(sys.exit, 1))

    with ThreadPoolExecutor(1) as threads:
        other = threads.submit(loop.run, another())
        assert going.wait(10)
        with pytest.raises(GraphExitedError):
            loop.run(leave())
        assert other.result(10) == "done"
    assert loop.run(another()) == "done"


@pytest.mark.parametrize("kind", LOOPS)
def test_threads_that_a_stopped_turn_leaves_behind_hold_up_no_other(kind: type[OfThread | Shared]) -> None:
    """There may be more of them than the machine has processors for."""
    loop, stuck, release = kind(), threading.Semaphore(0), threading.Event()

    def wait_for_a_provider() -> None:
        stuck.release()
        release.wait(30)

    async def be_stopped() -> None:
        calls = [asyncio.ensure_future(asyncio.to_thread(wait_for_a_provider)) for _ in range(4)]
        await asyncio.to_thread(stuck.acquire)
        for call in calls:
            call.cancel()

    try:
        for _ in range(10):
            loop.begin_turn()
            loop.run(be_stopped())
        loop.begin_turn()
        assert loop.run(asyncio.wait_for(asyncio.to_thread(of_request.get), 10))
    finally:
        release.set()
