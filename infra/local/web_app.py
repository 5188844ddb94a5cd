"""The process of a function that serves HTTP behind the Lambda Web Adapter: one for all requests, started on demand.

On AWS an execution environment has such a process each and takes one request at a time.
"""

import asyncio
import os
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from infra.local.engine import free_port
from infra.local.failures import WorkerFailedError, ended
from infra.local.folder import ROOT
from infra.local.template import Function

Connected = tuple[asyncio.StreamReader, asyncio.StreamWriter]
_START_SECONDS = 60
_PAUSE_SECONDS = 0.02  # between two questions whether it is ready
_END_SECONDS = 8  # what it may take to end when asked to
_DYING_SECONDS = 0.5  # from the end of a connection to that of its process, where it is the process that died
_HEALTHY = range(100, 500)
"""The adapter's own choice of statuses that say so."""


@dataclass(frozen=True)
class _Running:
    """The script's process group, and the port that it serves."""

    process: Process
    port: int

    def send(self, sign: signal.Signals) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, sign)


class WebApp:
    """Starts the function's script with the template's variables and a port of its own, and again when it has died."""

    def __init__(self, function: Function, environment: Mapping[str, str], root: Path) -> None:
        self.function = function
        self._root = root
        self._variables = {
            **environment,
            "LAMBDA_TASK_ROOT": str(root),
            "PATH": os.pathsep.join([str(Path(sys.executable).parent), environment.get("PATH", os.defpath)]),
            "PYTHONPATH": os.pathsep.join(str(folder) for folder in (*function.layers, ROOT)),
        }
        self._running: _Running | None = None
        self._starting = asyncio.Lock()

    async def connect(self, request_id: str) -> Connected:
        """A new connection to the server. Raises WorkerFailedError where it does not start."""
        for _ in range(2):
            running = await self._there(request_id)
            try:
                return await asyncio.open_connection("127.0.0.1", running.port)
            except OSError:  # it is dying, which nobody has seen yet
                await self._end(running, 0)
        raise self._failed(request_id)

    async def broken_off(self) -> None:
        """Wait a moment for the end of the process, whose connection broke off: whoever asks again is to find another
        one."""
        if self._running:
            with suppress(TimeoutError):
                async with asyncio.timeout(_DYING_SECONDS):
                    await self._running.process.wait()

    async def end(self) -> None:
        """End the process calmly, or by force after some seconds."""
        if self._running:
            await self._end(self._running, _END_SECONDS)

    async def _there(self, request_id: str) -> _Running:
        async with self._starting:
            if self._running is None or self._running.process.returncode is not None:
                self._running = await self._start(request_id)
            return self._running

    async def _start(self, request_id: str) -> _Running:
        port = free_port()
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "infra.local.lifeline", str(self._root / self.function.handler)),
            stdin=PIPE,
            stdout=sys.stderr,
            env=self._variables | {"AWS_LWA_PORT": str(port)},
            cwd=self._root,
            start_new_session=True,
        )
        running = _Running(process, port)
        try:
            async with asyncio.timeout(_START_SECONDS):
                while not await self._is_ready(port):
                    if process.returncode is not None:
                        raise self._failed(request_id)
                    await asyncio.sleep(_PAUSE_SECONDS)
        except BaseException as error:
            await asyncio.shield(self._end(running, 0))
            raise self._failed(request_id) if isinstance(error, TimeoutError) else error from None
        return running

    async def _is_ready(self, port: int) -> bool:
        path = self._variables.get("AWS_LWA_READINESS_CHECK_PATH", "/")
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            return False
        writer.write(f"GET {path} HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\n\r\n".encode())
        try:
            _, status, *_ = (await reader.readline()).split()
            return int(status) in _HEALTHY
        except (OSError, ValueError):
            return False
        finally:
            writer.close()

    async def _end(self, running: _Running, seconds: float) -> None:
        running.send(signal.SIGTERM)
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await running.process.wait()
        running.send(signal.SIGKILL)
        await running.process.wait()

    def _failed(self, request_id: str) -> WorkerFailedError:
        return WorkerFailedError(ended("Runtime.ExitError", request_id, f"{self.function.handler} does not serve"))
