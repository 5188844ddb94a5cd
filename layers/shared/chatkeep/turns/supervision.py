"""Work on an event loop that a cancel or a deadline may stop."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from chatkeep.retrying import sleep_on_loop
from chatkeep.turns.lease import CancelAction

FIRST_LOOK_SECONDS = 0.9
"""A shorter turn never looks for a cancel."""
LOOK_SECONDS = 0.5
"""Between looks."""


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
