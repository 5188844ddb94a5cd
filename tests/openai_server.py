"""An OpenAI-compatible endpoint on loopback that records what it is asked and answers as it is told."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

USAGE = {
    "prompt_tokens": 120,
    "completion_tokens": 40,
    "total_tokens": 160,
    "prompt_tokens_details": {"cached_tokens": 100},
    "completion_tokens_details": {"reasoning_tokens": 30},
}


@dataclass
class Endpoint:
    """`asked` has the bodies received. With a `status` other than 200 it refuses; while `held` it answers nothing."""

    url: str = ""
    asked: list[dict[str, Any]] = field(default_factory=list)
    words: list[str] = field(default_factory=lambda: ["Hello", " there"])
    usage: dict[str, Any] | None = field(default_factory=lambda: USAGE)
    status: int = 200
    held: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self.held.set()


def _chunk(**members: Any) -> bytes:
    body = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [], **members}
    return f"data: {json.dumps(body)}\n\n".encode()


def _stream(endpoint: Endpoint) -> Iterator[bytes]:
    for word in endpoint.words:
        delta = {"role": "assistant", "content": word}
        yield _chunk(choices=[{"index": 0, "delta": delta, "finish_reason": None}])
    yield _chunk(choices=[{"index": 0, "delta": {}, "finish_reason": "stop"}])
    if endpoint.usage is not None:
        yield _chunk(usage=endpoint.usage)
    yield b"data: [DONE]\n\n"


@contextmanager
def serve() -> Iterator[Endpoint]:
    """An endpoint for as long as the context lasts."""
    endpoint = Endpoint()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            endpoint.asked.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            endpoint.held.wait(30)
            self.send_response(endpoint.status)
            self.send_header("Content-Type", "text/event-stream" if endpoint.status == 200 else "application/json")
            self.end_headers()
            if endpoint.status != 200:
                self.wfile.write(b'{"error": {"message": "no", "type": "server_error"}}')
                return
            for chunk in _stream(endpoint):
                self.wfile.write(chunk)

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    endpoint.url = f"http://127.0.0.1:{server.server_port}/v1"
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield endpoint
    finally:
        endpoint.held.set()
        server.shutdown()
        server.server_close()
