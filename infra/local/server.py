"""The server: a port that is ours before anything starts, connections, a ready line, a calm end."""

import asyncio
import signal
import socket
import sys
from collections.abc import Callable
from contextlib import suppress
from types import FrameType

from infra.local.app import App
from infra.local.connection import Connection
from infra.local.errors import LocalError
from infra.local.reception import Patience

_GRACE_SECONDS = 10
_BACKLOG = 2048


class PortInUseError(LocalError):
    """Another program listens where the API should."""


def listen(port: int) -> socket.socket:
    """A socket on a port of the loopback interface, any free one for 0. Raises PortInUseError."""
    # asyncio sends small answers at once (TCP_NODELAY) only on a socket that says it is TCP's.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(("127.0.0.1", port))
    except OSError as error:
        listener.close()
        raise PortInUseError(f"port {port} cannot be used: {error.strerror}\nSet PORT to use another one.") from error
    return listener


def on_end(action: Callable[[], object]) -> None:
    """Call `action` when the process is asked to end, by SIGTERM or with Ctrl-C."""

    def handle(number: int, frame: FrameType | None) -> None:
        action()

    signal.signal(signal.SIGTERM, handle)
    signal.signal(signal.SIGINT, handle)


class Server:
    """Serves `app` on a socket.

    uvicorn, which serves the embedded model, does not fit: it carries out a request that was cut off, waits for ever
    for one that stalls, and answers a malformed one in plain text.
    """

    def __init__(self, app: App, listener: socket.socket, patience: Patience | None = None) -> None:
        self._app = app
        self._listener = listener
        self._patience = patience or Patience()
        self.connections: set[Connection] = set()

    async def run(self, end: asyncio.Event, ready: Callable[[], object]) -> None:
        """Serve until `end`; running requests then have ten seconds to finish."""
        server = await asyncio.start_server(self._accept, sock=self._listener, backlog=_BACKLOG)
        self._app.start()
        ready()
        await end.wait()
        server.close()
        for connection in list(self.connections):
            connection.end()
        await self._finish()
        await self._app.close()

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = Connection(reader, writer, self._app, self._patience)
        self.connections.add(connection)
        connection.task.add_done_callback(lambda _: self.connections.discard(connection))

    async def _finish(self) -> None:
        running = {connection.task for connection in self.connections} | self._app.invocations
        if running:
            _, late = await asyncio.wait(running, timeout=_GRACE_SECONDS)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)


def serve(app: App, listener: socket.socket, stage: str) -> None:
    """Serve until the process is asked to end."""

    async def run() -> None:
        loop, end = asyncio.get_running_loop(), asyncio.Event()

        def finish() -> None:
            with suppress(RuntimeError):  # a second signal, after the loop has ended
                loop.call_soon_threadsafe(end.set)

        on_end(finish)
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/{stage}"
        await Server(app, listener).run(end, lambda: print(f"Chatkeep is ready at {url}", flush=True))

    asyncio.run(run())


def end_quietly() -> None:
    """End the process at once at SIGTERM or Ctrl-C, before there is any request to finish."""
    on_end(lambda: sys.exit(0))
