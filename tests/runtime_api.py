"""A stand-in for the API from which Lambda's runtime client takes events and to which it gives results.

https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html
"""

import json
import queue
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

ARN = "arn:aws:lambda:us-east-1:123456789012:function:{}"
PREFIX = "/2018-06-01/runtime/"


@dataclass
class RuntimeApi:
    """One function's events and their results: `("response", value)`, or an `error` with its type and words."""

    function: str
    seconds: float
    address: str = ""
    events: queue.Queue[Any] = field(default_factory=queue.Queue)
    outcomes: queue.Queue[tuple[str, Any]] = field(default_factory=queue.Queue)
    invocations: list[str] = field(default_factory=list)
    """Lambda's id of each event."""
    traces: list[str] = field(default_factory=list)
    """X-Ray's header of each event; `sampled` is its sampling decision."""
    sampled: int = 1

    def next_headers(self) -> dict[str, str]:
        self.invocations.append(str(uuid.uuid4()))
        root = f"1-{int(time.time()):08x}-{uuid.uuid4().hex[:24]}"
        self.traces.append(f"Root={root};Parent={uuid.uuid4().hex[:16]};Sampled={self.sampled}")
        return {
            "Content-Type": "application/json",
            "Lambda-Runtime-Aws-Request-Id": self.invocations[-1],
            "Lambda-Runtime-Deadline-Ms": str(int((time.time() + self.seconds) * 1000)),
            "Lambda-Runtime-Invoked-Function-Arn": ARN.format(self.function),
            "Lambda-Runtime-Trace-Id": self.traces[-1],
        }


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    api: RuntimeApi

    def do_GET(self) -> None:
        """The next event, as soon as there is one."""
        assert self.path == f"{PREFIX}invocation/next"
        event = self.api.events.get()
        self._answer(200, json.dumps(event).encode(), self.api.next_headers())

    def do_POST(self) -> None:
        told = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self._answer(202, b'{"status": "OK"}', {"Content-Type": "application/json"})
        self.api.outcomes.put((self.path.rpartition("/")[2], told))

    def _answer(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        pass


@contextmanager
def serving(api: RuntimeApi) -> Iterator[None]:
    """Answers at `api.address` as long as the context lasts."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"api": api}))
    server.daemon_threads = True
    api.address = f"127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
