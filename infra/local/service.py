"""All that the runner serves, from its start to a calm end: the API, Lambda's Invoke for its functions, schedules."""

import asyncio
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from types import FrameType
from typing import Any

from infra.local.functions import Functions, cancelled
from infra.local.schedules import repeat
from infra.local.server import Server
from infra.local.template import Schedule

_GRACE_SECONDS = 10


def on_end(action: Callable[[], object]) -> None:
    """Call `action` when the process is asked to end, by SIGTERM or with Ctrl-C."""

    def handle(number: int, frame: FrameType | None) -> None:
        action()

    signal.signal(signal.SIGTERM, handle)
    signal.signal(signal.SIGINT, handle)


@dataclass(frozen=True)
class Service:
    """Two servers and schedules in front of the same functions."""

    api: Server
    invoking: Server
    functions: Functions
    scheduled: list[Schedule]

    async def run(self, end: asyncio.Event, ready: Callable[[], object]) -> None:
        """Serve until `end`; running requests and invocations then have ten seconds to finish."""
        await self.invoking.open()
        await self.api.open()
        schedules = {asyncio.create_task(repeat(schedule, self.functions)) for schedule in self.scheduled}
        ready()
        await end.wait()
        await cancelled(schedules)
        self.api.end()
        await self._finish()
        self.invoking.end()
        await cancelled(self.invoking.tasks)
        await self.functions.close()

    async def _finish(self) -> None:
        """What runs may still invoke functions, whose invocations have the rest of the ten seconds."""
        clock = asyncio.get_running_loop().time
        until = clock() + _GRACE_SECONDS
        while (running := self._running()) and (left := until - clock()) > 0:
            await asyncio.wait(running, timeout=left)
        await cancelled(self._running())

    def _running(self) -> set[asyncio.Task[Any]]:
        return self.api.tasks | self.functions.running


def serve(service: Service, ready: str) -> None:
    """Serve until the process is asked to end; print the line `ready` once it is there."""

    async def run() -> None:
        loop, end = asyncio.get_running_loop(), asyncio.Event()

        def finish() -> None:
            with suppress(RuntimeError):  # a second signal, after the loop has ended
                loop.call_soon_threadsafe(end.set)

        on_end(finish)
        await service.run(end, lambda: print(ready, flush=True))

    asyncio.run(run())


def end_quietly() -> None:
    """End the process at once at SIGTERM or Ctrl-C, before there is any request to finish."""
    on_end(lambda: sys.exit(0))
