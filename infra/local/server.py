"""uvicorn as the runner wants it: a port that is ours before anything starts, a ready line, a calm end."""

import signal
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

import uvicorn

from infra.local.app import App
from infra.local.errors import LocalError

_GRACE_SECONDS = 10


class PortInUseError(LocalError):
    """Another program listens where the API should."""


def listen(port: int) -> socket.socket:
    """A socket on a port of the loopback interface, any free one for 0. Raises PortInUseError."""
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(("127.0.0.1", port))
    except OSError as error:
        listener.close()
        raise PortInUseError(f"port {port} cannot be used: {error.strerror}\nSet PORT to use another one.") from error
    return listener


def on_end(action: Callable[[], None]) -> None:
    """Call `action` when the process is asked to end, by SIGTERM or with Ctrl-C."""

    def handle(number: int, frame: FrameType | None) -> None:
        action()

    signal.signal(signal.SIGTERM, handle)
    signal.signal(signal.SIGINT, handle)


class _Server(uvicorn.Server):
    def __init__(self, app: App, url: str) -> None:
        grace = _GRACE_SECONDS
        super().__init__(
            uvicorn.Config(app, access_log=False, log_level="warning", lifespan="on", timeout_graceful_shutdown=grace)
        )
        self._url = url

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        print(f"Chatkeep is ready at {self._url}", flush=True)

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """uvicorn's own would send the signal again once it has ended, and so hide that the end was a good one."""

        def finish() -> None:
            self.should_exit = True

        on_end(finish)
        yield


def serve(app: App, listener: socket.socket, stage: str) -> None:
    """Serve until the process is asked to end; requests that run then have ten seconds to finish."""
    port = listener.getsockname()[1]
    _Server(app, f"http://127.0.0.1:{port}/{stage}").run(sockets=[listener])


def end_quietly() -> None:
    """What an end means before there is a request to finish."""
    on_end(lambda: sys.exit(0))
