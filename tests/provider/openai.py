"""An OpenAI-compatible endpoint on loopback: it answers as it is told, and refuses what a strict one would."""

import json
import select
import socket
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.provider.openai_refusals import HangUp, Refusal, missing_parameter, refusal, unsupported_parameter
from tests.provider.openai_replies import PlainJson, Reply
from tests.provider.openai_rules import Strict, parsed, violations
from tests.provider.pauses import Pause

Answer = Reply | PlainJson | Refusal | HangUp

TICK = 0.01
"""Seconds in which a silence notices that it is over."""


@dataclass
class Endpoint:
    """Answers with `script`, one per request, and with `default` once it is used up; a client's retries count.

    `asked` and `headers` (names in lower case) have the requests received, the refused ones too. `violations` says
    what the rules of `strict` found; `unsupported` names the fields refused or missing by its choice, since to find
    that out by asking is no fault. `abandoned` counts the answers whose client left before their end.
    """

    url: str = ""
    strict: Strict = field(default_factory=Strict)
    script: list[Answer] = field(default_factory=list)
    default: Answer = field(default_factory=Reply)
    asked: list[dict[str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    violations: list[str] = field(default_factory=list)
    unsupported: list[str] = field(default_factory=list)
    abandoned: int = 0
    closing: threading.Event = field(default_factory=threading.Event)
    _turn: threading.Lock = field(default_factory=threading.Lock)

    def receive(self, raw: bytes, headers: Mapping[str, str]) -> tuple[dict[str, Any], Answer]:
        """The request's body and the answer to it."""
        with self._turn:
            self.headers.append({name.lower(): value for name, value in headers.items()})
            try:
                body = parsed(raw)
            except ValueError as error:
                self.violations.append(f"body: {error}")
                return {}, refusal(400, None, f"We could not parse the JSON body of your request: {error}")
            self.asked.append(body)
            return body, self._refused(body) or (self.script.pop(0) if self.script else self.default)

    def _refused(self, body: dict[str, Any]) -> Refusal | None:
        for name in self.strict.refused_fields:
            if name in body:
                self.unsupported.append(name)
                return unsupported_parameter(name)
        for name in self.strict.required_fields:
            if name not in body:
                self.unsupported.append(name)
                return missing_parameter(name)
        found = list(violations(body, self.strict))
        self.violations += map(str, found)
        return refusal(400, None, found[0].message, param=found[0].param) if found else None


class ClientLeftError(Exception):
    """The client has closed its connection, or the server is closing."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    endpoint: Endpoint

    def do_POST(self) -> None:
        raw = self.rfile.read(int(self.headers["Content-Length"]))
        try:
            self._answer(raw)
        except (ClientLeftError, ConnectionError):
            self.endpoint.abandoned += not self.endpoint.closing.is_set()
            self.close_connection = True

    def _answer(self, raw: bytes) -> None:
        if self.path != "/v1/chat/completions":
            self._send_whole(404, b"", {})
            return
        asked, answer = self.endpoint.receive(raw, dict(self.headers.items()))
        match answer:
            case Refusal():
                self._pause(answer.pause)
                self._send_whole(answer.status, *_encoded(answer))
            case HangUp():
                self._pause(answer.pause)
                self.close_connection = True
            case PlainJson(reply):
                self._send_completion(reply, asked)
            case Reply() if asked.get("stream"):
                self._stream(answer, asked)
            case Reply():
                self._send_completion(answer, asked)

    def _send_completion(self, reply: Reply, asked: dict[str, Any]) -> None:
        self._pause(reply.pause)
        body = json.dumps(reply.whole(asked)).encode()
        sent = body if reply.cut_after is None else body[: len(body) // 2]
        self._send_whole(200, sent, {"Content-Type": "application/json", "Content-Length": str(len(body))})
        self.close_connection = reply.cut_after is not None

    def _send_whole(self, status: int, body: bytes, headers: Mapping[str, str]) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def _stream(self, reply: Reply, asked: dict[str, Any]) -> None:
        """Sends chunks in the transfer coding that lets a client tell a cut from an end."""
        chunks = reply.chunks(asked)
        pause_at, cut_at, error_at = (
            None if after is None else slice(after).indices(len(chunks))[1]
            for after in (reply.pause and reply.pause.after, reply.cut_after, reply.error_after)
        )
        if pause_at is None:
            self._pause(reply.pause)
        self._begin_stream()
        for sent, chunk in enumerate([*chunks, None]):
            if sent == pause_at:
                self._pause(reply.pause)
            if sent == cut_at:
                self.close_connection = True
                return
            if sent == error_at and reply.error_event is not None:
                self._send_event({"error": reply.error_event})
                break
            if chunk is not None:
                self._wait(reply.pace)
                self._send_event(chunk)
        else:
            if reply.done:
                self._send_chunk(b"data: [DONE]\n\n")
        self.wfile.write(b"0\r\n\r\n")

    def _begin_stream(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream; charset=utf-8")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()

    def _send_event(self, event: Mapping[str, Any]) -> None:
        self._send_chunk(f"data: {json.dumps(event)}\n\n".encode())

    def _send_chunk(self, content: bytes) -> None:
        self.wfile.write(f"{len(content):x}\r\n".encode() + content + b"\r\n")

    def _pause(self, pause: Pause | None) -> None:
        if pause is not None:
            pause.reached.set()
            self._wait(pause.seconds, pause.until)

    def _wait(self, seconds: float | None, until: threading.Event | None = None) -> None:
        """Raises ClientLeftError when there is nobody left to wait for."""
        ends = float("inf") if seconds is None else time.monotonic() + seconds
        while time.monotonic() < ends and not (until is not None and until.is_set()):
            if self.endpoint.closing.is_set() or _has_left(self.connection):
                raise ClientLeftError
            time.sleep(min(TICK, max(0, ends - time.monotonic())))

    def log_message(self, *_: Any) -> None:
        pass


def _encoded(answer: Refusal) -> tuple[bytes, Mapping[str, str]]:
    body = answer.body
    if isinstance(body, Mapping):
        return json.dumps(body).encode(), {"Content-Type": "application/json", **answer.headers}
    return body.encode() if isinstance(body, str) else body, answer.headers


def _has_left(connection: socket.socket) -> bool:
    readable, _, _ = select.select([connection], [], [], 0)
    return bool(readable) and not connection.recv(1, socket.MSG_PEEK)


@contextmanager
def serve() -> Iterator[Endpoint]:
    """An endpoint for as long as the context lasts; what is silent then is released."""
    endpoint = Endpoint()
    handler = type("Handler", (_Handler,), {"endpoint": endpoint})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    endpoint.url = f"http://127.0.0.1:{server.server_port}/v1"
    thread = threading.Thread(target=server.serve_forever, args=(TICK,), daemon=True)
    thread.start()
    try:
        yield endpoint
    finally:
        endpoint.closing.set()
        server.shutdown()
        server.server_close()
