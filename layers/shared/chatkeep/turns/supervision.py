"""Work on an event loop that a cancel or a deadline may stop, and the threads it then leaves behind."""

import asyncio
import threading
import weakref
from collections.abc import Awaitable, Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from chatkeep.retrying import sleep_on_loop
from chatkeep.turns.lease import CancelAction

FIRST_LOOK_SECONDS = 0.9
"""A shorter turn never looks for a cancel."""
LOOK_SECONDS = 0.5
"""Between looks."""

Result = TypeVar("Result")


class DeadlineError(Exception):
    """The run has used up its time."""


class GraphCancelledItselfError(Exception):
    """The graph's task was cancelled, but not by us."""


async def supervise(
    running: Awaitable[None], look: Callable[[], CancelAction | None], seconds: float
) -> CancelAction | None:
    """Await `running` for at most so many `seconds`. Returns the cancel that ended it, if one did.

    Raises DeadlineError, GraphCancelledItselfError, and the errors of `running` and `look`.
    """
    task = asyncio.ensure_future(running)
    watch = asyncio.ensure_future(_watch(look))
    try:
        await asyncio.wait({task, watch}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        if task.cancelled():
            raise GraphCancelledItselfError
        if task.done():
            task.result()
            return None
        if watch.done():
            return watch.result()
        raise DeadlineError
    finally:
        await _end(task, watch)


async def _end(*tasks: asyncio.Future[Any]) -> None:
    for one in tasks:
        one.cancel()
    # A model called in a thread cannot be stopped; it is left behind, not waited for.
    ended, _ = await asyncio.wait(tasks, timeout=0.2)
    for ended_one in ended:
        ended_one.cancelled() or ended_one.exception()  # else asyncio reports an error that nobody asked for


async def _watch(look: Callable[[], CancelAction | None]) -> CancelAction:
    await sleep_on_loop(FIRST_LOOK_SECONDS)
    while True:
        if (action := await asyncio.to_thread(look)) is not None:
            return action
        await sleep_on_loop(LOOK_SECONDS)


_of_thread = threading.local()


def on_loop(work: Coroutine[Any, Any, Result]) -> Result:
    """Run `work` on this thread's event loop.

    The loop is kept: the models' connections belong to it, and closing it would wait for the threads of cancelled
    models."""
    result: Result = _loop().run_until_complete(work)
    return result


def renew_threads() -> None:
    """Give a turn fresh threads.

    A stopped turn may leave threads behind that wait for a provider for half a minute, and a machine with few
    processors has few of them."""
    if hasattr(_of_thread, "executor"):
        _of_thread.executor.shutdown(wait=False)
    _of_thread.executor = ThreadPoolExecutor(thread_name_prefix="turn")
    _loop().set_default_executor(_of_thread.executor)


def _loop() -> asyncio.AbstractEventLoop:
    if not hasattr(_of_thread, "loop"):
        _of_thread.loop = asyncio.new_event_loop()
        weakref.finalize(threading.current_thread(), _of_thread.loop.close).atexit = False
    loop: asyncio.AbstractEventLoop = _of_thread.loop
    return loop
