"""The template's functions as the runner invokes them: for a caller that waits, or as events that are queued here."""

import asyncio
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from infra.local.adapter import Adapter
from infra.local.failures import InvocationFailedError
from infra.local.pool import Pool
from infra.local.template import Function
from infra.local.web_app import WebApp

_PAUSES = (60.0, 120.0)
"""Lambda's, before it tries an event again whose invocation failed:
https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html"""


class Functions:
    """Invocations in the background; `running` holds those that have a worker or wait for one.

    `web` are the functions that serve HTTP, which nothing but the API reaches.
    """

    def __init__(
        self,
        declared: Mapping[str, Function],
        environments: Mapping[str, Mapping[str, str]],
        root: Path,
        workers: int,
        pauses: Sequence[float] = _PAUSES,
    ) -> None:
        """`workers` processes at most for each function but those that serve HTTP, which have one."""
        pools = {name: Pool(one, environments[name], root, workers) for name, one in declared.items() if not one.is_web}
        self.web = {
            name: Adapter(WebApp(one, environments[name], root)) for name, one in declared.items() if one.is_web
        }
        self.declared = {name: pool.function for name, pool in pools.items()}
        self.running: set[asyncio.Task[Any]] = set()
        self._pools = pools
        self._pauses = pauses
        self._events: set[asyncio.Task[None]] = set()

    def begin(self, name: str, event: Any, request_id: str) -> asyncio.Task[Any]:
        """An invocation that goes on whoever waits for its result, which may raise InvocationFailedError."""
        invocation = asyncio.create_task(self._pools[name].invoke(event, request_id))
        self.running.add(invocation)
        invocation.add_done_callback(self._forget)
        return invocation

    def send(self, name: str, event: Any, request_id: str) -> None:
        """Take an event, and try it as often as the template says. Like Lambda's queue, but gone with the runner."""
        task = asyncio.create_task(self._see_through(name, event, request_id, self.begin(name, event, request_id)))
        self._events.add(task)
        task.add_done_callback(self._events.discard)

    async def close(self) -> None:
        """End what still runs, and the workers."""
        await cancelled(self._events | self.running)
        for pool in self._pools.values():
            await pool.close()
        await asyncio.gather(*(one.app.end() for one in self.web.values()))

    async def _see_through(self, name: str, event: Any, request_id: str, invocation: asyncio.Task[Any]) -> None:
        for pause in (*self._pauses[: self.declared[name].retries], None):
            await asyncio.wait({invocation})
            error = None if invocation.cancelled() else invocation.exception()
            if error is None:
                return
            print(f"{name}: {error}", file=sys.stderr)
            if pause is None or not isinstance(error, InvocationFailedError):
                return
            await asyncio.sleep(pause)
            invocation = self.begin(name, event, request_id)

    def _forget(self, invocation: asyncio.Task[Any]) -> None:
        self.running.discard(invocation)
        if not invocation.cancelled():
            invocation.exception()  # nobody may be left to ask for it


async def cancelled(tasks: set[asyncio.Task[Any]]) -> None:
    """Cancel tasks, and wait for their ends."""
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
