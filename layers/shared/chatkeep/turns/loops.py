"""Event loops that graphs run on: one of each thread that runs turns, or one of the process for all of them."""

import asyncio
import threading
import weakref
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any, Protocol, TypeVar

MOST_THREADS = 512
"""For blocking nodes and models of all turns that share a loop, some of which are left behind."""

Result = TypeVar("Result")


class GraphExitedError(Exception):
    """The graph asked the process to end, as `sys.exit` in a tool does."""


class Loop(Protocol):
    """Where a graph runs. The models' connections belong to the loop, so it lives on from turn to turn."""

    def run(self, work: Coroutine[Any, Any, Result]) -> Result:
        """The result of `work`, for which this thread waits. Raises what it raises."""

    def begin_turn(self) -> None:
        """Have threads ready: those of a stopped turn may wait for a provider for half a minute."""


class OfThread:
    """The calling thread's own loop: a node that blocks it stops no other turn."""

    def __init__(self) -> None:
        self._of_thread = threading.local()

    def run(self, work: Coroutine[Any, Any, Result]) -> Result:
        result: Result = self._loop().run_until_complete(work)
        return result

    def begin_turn(self) -> None:
        """Leave the threads of the turn before it to themselves: a machine with few processors has few of them."""
        if hasattr(self._of_thread, "executor"):
            self._of_thread.executor.shutdown(wait=False)
        self._of_thread.executor = ThreadPoolExecutor(thread_name_prefix="turn")
        self._loop().set_default_executor(self._of_thread.executor)

    def _loop(self) -> asyncio.AbstractEventLoop:
        if not hasattr(self._of_thread, "loop"):
            # Closed with its thread, not before: closing it would wait for the threads of cancelled models.
            self._of_thread.loop = asyncio.new_event_loop()
            weakref.finalize(threading.current_thread(), self._of_thread.loop.close).atexit = False
        loop: asyncio.AbstractEventLoop = self._of_thread.loop
        return loop


OF_THREAD = OfThread()


class Shared:
    """One loop, in a thread of its own, for a process that runs many turns at once.

    With a loop each, such a process spends half of its time on switching between their threads. Here a node that blocks
    the loop holds up every turn, as it does in LangGraph's own server. One that asks the process to end fails its own
    turn.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._started: asyncio.AbstractEventLoop | None = None

    def run(self, work: Coroutine[Any, Any, Result]) -> Result:
        """The same. Raises GraphExitedError in place of SystemExit."""
        try:
            return asyncio.run_coroutine_threadsafe(work, self._loop()).result()
        except (SystemExit, KeyboardInterrupt) as error:
            raise GraphExitedError(type(error).__name__) from error

    def begin_turn(self) -> None:
        """Nothing to do: there are threads enough."""

    def _loop(self) -> asyncio.AbstractEventLoop:
        with self._lock:
            if self._started is None:
                self._started = asyncio.new_event_loop()
                self._started.set_default_executor(ThreadPoolExecutor(MOST_THREADS, thread_name_prefix="turn"))
                threading.Thread(target=_run_on, args=[self._started], name="turns", daemon=True).start()
            return self._started


def _run_on(loop: asyncio.AbstractEventLoop) -> None:
    """Run the loop for ever. A task's SystemExit stops it each time that it passes through a task that waits for it."""
    while True:
        with suppress(SystemExit, KeyboardInterrupt):
            loop.run_forever()
