"""The worker processes of one function: started on demand, reused, each with one request at a time."""

import asyncio
import socket
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from infra.local.channel import ChannelClosedError, encode, receive_from
from infra.local.failures import WorkerFailedError, WorkerTimedOutError, ended
from infra.local.folder import ROOT
from infra.local.template import Function

_IMPORT_SECONDS = 60  # a cold disk may need long to import what the first request of a function waits for


@dataclass
class _Worker:
    process: Process
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def end(self) -> None:
        self.writer.close()
        if self.process.returncode is None:
            self.process.kill()
        await self.process.wait()


class Pool:
    """At most `size` workers of a function; a request beyond that waits, first come, first served."""

    def __init__(self, function: Function, environment: Mapping[str, str], root: Path, size: int) -> None:
        path = ":".join(str(folder) for folder in (*function.layers, ROOT))
        self.function = function
        self._environment = {**environment, "PYTHONPATH": path}
        self._root = root
        self._free = asyncio.Semaphore(size)
        self._idle: list[_Worker] = []

    async def invoke(self, event: Any, request_id: str) -> Any:
        """The handler's result. Raises WorkerFailedError, WorkerTimedOutError."""
        async with self._free:
            worker = self._idle.pop() if self._idle else await self._start(request_id)
            try:
                answer = await self._ask(worker, event, request_id)
            except BaseException:
                await asyncio.shield(worker.end())
                raise
            self._idle.append(worker)
        if "error" in answer:
            raise WorkerFailedError(answer["error"])
        return answer["result"]

    async def _ask(self, worker: _Worker, event: Any, request_id: str) -> Any:
        seconds = self.function.timeout_seconds
        message = encode({"event": event, "request_id": request_id, "seconds": seconds})
        try:
            async with asyncio.timeout(seconds):
                worker.writer.write(message)
                await worker.writer.drain()
                return await receive_from(worker.reader)
        except TimeoutError as error:
            late = f"Task timed out after {seconds:.2f} seconds"
            raise WorkerTimedOutError(ended("Sandbox.Timedout", request_id, late)) from error
        except (ChannelClosedError, ConnectionError) as error:
            raise WorkerFailedError(ended("Runtime.ExitError", request_id, "Runtime exited with error")) from error

    async def _start(self, request_id: str) -> _Worker:
        ours, theirs = socket.socketpair()
        with theirs:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "infra.local.worker", self.function.handler, str(theirs.fileno())),
                stdin=PIPE,
                stdout=sys.stderr,
                pass_fds=[theirs.fileno()],
                env=self._environment,
                cwd=self._root,
                start_new_session=True,
            )
        worker = _Worker(process, *await asyncio.open_connection(sock=ours))
        try:
            async with asyncio.timeout(_IMPORT_SECONDS):
                await receive_from(worker.reader)
        except BaseException as error:
            await asyncio.shield(worker.end())
            if isinstance(error, TimeoutError | ChannelClosedError):
                missing = f"{self.function.handler} could not be imported"
                raise WorkerFailedError(ended("Runtime.ImportModuleError", request_id, missing)) from error
            raise
        return worker

    async def close(self) -> None:
        """End the workers that wait for a request."""
        while self._idle:
            await self._idle.pop().end()
