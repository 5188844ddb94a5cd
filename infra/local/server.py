"""A server: a port that is ours before anything starts, connections, a calm end."""

import asyncio
import socket

from infra.local.connection import Application, Connection
from infra.local.errors import LocalError
from infra.local.reception import Patience

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


def address(listener: socket.socket) -> str:
    """The address of a socket's port, for a client on this machine."""
    return f"http://127.0.0.1:{listener.getsockname()[1]}"


class Server:
    """Serves `app` on a socket.

    uvicorn, which serves the embedded model, does not fit: it carries out a request that was cut off, waits for ever
    for one that stalls, and answers a malformed one in plain text.
    """

    def __init__(self, app: Application, listener: socket.socket, patience: Patience | None = None) -> None:
        self._app = app
        self._listener = listener
        self._patience = patience or Patience()
        self._server: asyncio.Server | None = None
        self.connections: set[Connection] = set()

    async def open(self) -> None:
        """Take connections."""
        self._server = await asyncio.start_server(self._accept, sock=self._listener, backlog=_BACKLOG)

    def end(self) -> None:
        """Take no more connections and no more requests; what is being answered goes on."""
        if self._server:
            self._server.close()
        for connection in list(self.connections):
            connection.end()

    @property
    def tasks(self) -> set[asyncio.Task[None]]:
        """The connections that have not ended."""
        return {connection.task for connection in self.connections}

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = Connection(reader, writer, self._app, self._patience)
        self.connections.add(connection)
        connection.task.add_done_callback(lambda _: self.connections.discard(connection))
