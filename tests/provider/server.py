"""A server on loopback that plays answers, whole or in parts, and can fall silent or break off anywhere in them."""

import select
import socket
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.provider.pauses import Pause

TICK = 0.01
"""Seconds in which a silence notices that it is over."""


@dataclass(frozen=True)
class Whole:
    """An answer in one body, of which only half arrives if it is `cut`."""

    status: int
    body: bytes
    headers: Mapping[str, str]
    pause: Pause | None = None
    cut: bool = False


@dataclass(frozen=True)
class Stream:
    """An answer in parts, `pace` seconds before each; if it is `cut`, the connection closes before the body's end."""

    parts: Sequence[bytes]
    content_type: str
    pause: Pause | None = None
    pace: float = 0
    cut: bool = False


@dataclass(frozen=True)
class HangUp:
    """Closes the connection without an answer."""

    pause: Pause | None = None


@dataclass
class Provider:
    """Answers with `script`, one per request, and with `default` once it is used up; a client's retries count.

    `asked` and `headers` (names in lower case) have the requests received, the refused ones too. `violations` says
    what strict rules found in them, and where the provider itself failed; `unsupported` names the fields refused or
    missing by the provider's choice, since to find that out by asking is no fault. `abandoned` counts the answers whose
    client left before their end, `connections` what clients have opened, each with a handshake where there is TLS.
    """

    url: str = ""
    script: list[Any] = field(default_factory=list)
    default: Any = None
    asked: list[dict[str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    violations: list[str] = field(default_factory=list)
    unsupported: list[str] = field(default_factory=list)
    abandoned: int = 0
    connections: int = 0
    closing: threading.Event = field(default_factory=threading.Event)
    turn: threading.Lock = field(default_factory=threading.Lock)

    def next_answer(self) -> Any:
        return self.script.pop(0) if self.script else self.default

    def respond(self, path: str, raw: bytes) -> Whole | Stream | HangUp:
        """Called by one thread at a time."""
        raise NotImplementedError


class ClientLeftError(Exception):
    """The client has closed its connection, or the server is closing."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    provider: Provider

    def handle(self) -> None:
        with self.provider.turn:
            self.provider.connections += 1
        with suppress(ConnectionError):  # a client may leave between requests, too
            super().handle()

    def do_POST(self) -> None:
        raw = self.rfile.read(int(self.headers["Content-Length"]))
        with self.provider.turn:
            self.provider.headers.append({name.lower(): value for name, value in self.headers.items()})
            answer = self._respond(raw)
        try:
            self._play(answer)
        except (ClientLeftError, ConnectionError):
            self.provider.abandoned += not self.provider.closing.is_set()
            self.close_connection = True

    def _respond(self, raw: bytes) -> Whole | Stream | HangUp:
        try:
            return self.provider.respond(self.path, raw)
        except Exception as error:  # else a client would ask again, and the test would go on with another answer
            self.provider.violations.append(f"the provider's own: {error!r}")
            raise

    def _play(self, answer: Whole | Stream | HangUp) -> None:
        if answer.pause is not None and (answer.pause.after is None or not isinstance(answer, Stream)):
            self._pause(answer.pause)
        match answer:
            case HangUp():
                self.close_connection = True
            case Whole():
                self._begin(answer.status, {**answer.headers, "Content-Length": str(len(answer.body))})
                self.wfile.write(answer.body[: len(answer.body) // 2] if answer.cut else answer.body)
                self.close_connection = answer.cut
            case Stream():
                self._begin(200, {"Content-Type": answer.content_type, "Transfer-Encoding": "chunked"})
                self._send_parts(answer)
                self.close_connection = answer.cut

    def _begin(self, status: int, headers: Mapping[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()

    def _send_parts(self, answer: Stream) -> None:
        """Sends the parts in the transfer coding that lets a client tell a cut from an end."""
        pause = answer.pause if answer.pause is not None and answer.pause.after is not None else None
        paused_at = None if pause is None else position(pause.after, len(answer.parts))
        for sent, part in enumerate([*answer.parts, None]):
            if pause is not None and sent == paused_at:
                self._pause(pause)
            if part is not None:
                self._wait(answer.pace)
                self.wfile.write(f"{len(part):x}\r\n".encode() + part + b"\r\n")
        if not answer.cut:
            self.wfile.write(b"0\r\n\r\n")

    def _pause(self, pause: Pause) -> None:
        pause.reached.set()
        self._wait(pause.seconds, pause.until)

    def _wait(self, seconds: float | None, until: threading.Event | None = None) -> None:
        """Raises ClientLeftError when there is nobody left to wait for."""
        ends = float("inf") if seconds is None else time.monotonic() + seconds
        while time.monotonic() < ends and not (until is not None and until.is_set()):
            if self.provider.closing.is_set() or _has_left(self.connection):
                raise ClientLeftError
            time.sleep(min(TICK, max(0, ends - time.monotonic())))

    def log_message(self, *_: Any) -> None:
        pass


def position(after: int | None, parts: int) -> int:
    """Where a slice to `after` ends."""
    return slice(after).indices(parts)[1]


def _has_left(connection: socket.socket) -> bool:
    readable, _, _ = select.select([connection], [], [], 0)
    return bool(readable) and not connection.recv(1, socket.MSG_PEEK)


@contextmanager
def serving(provider: Provider) -> Iterator[int]:
    """The port at which the provider answers as long as the context lasts; what is silent then is released."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"provider": provider}))
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, args=(TICK,), daemon=True).start()
    try:
        yield server.server_port
    finally:
        provider.closing.set()
        server.shutdown()
        server.server_close()
