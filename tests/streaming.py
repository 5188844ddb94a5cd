"""The stream function as the adapter calls it: served from this process, and a client that sets the headers."""

import asyncio
import json
import socket
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpx
import uvicorn

SECONDS = 900


@dataclass(frozen=True)
class Frame:
    """A frame of a stream of ours."""

    number: int
    name: str
    data: dict[str, Any]


def headers_of(user_id: str, *, seconds: float = SECONDS, **more: str) -> dict[str, bytes]:
    """The headers that the adapter sets, and more."""
    now = time.time_ns() // 1_000_000
    context = {
        "authorizer": {"claims": {"sub": user_id}},
        "requestId": str(uuid.uuid4()),
        "requestTimeEpoch": now,
    }
    invocation = {"request_id": str(uuid.uuid4()), "deadline": now + round(seconds * 1000)}
    return {
        "x-amzn-request-context": json.dumps(context, ensure_ascii=False).encode(),
        "x-amzn-lambda-context": json.dumps(invocation).encode(),
        **{name.replace("_", "-"): value.encode() for name, value in more.items()},
    }


@contextmanager
def served(app: Any) -> Iterator[str]:
    """The address of `app` while it is served."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen()  # from here on a connection waits for the server, which takes a moment to start
    server = uvicorn.Server(uvicorn.Config(app, log_level="error", lifespan="off", timeout_graceful_shutdown=1))
    thread = threading.Thread(target=asyncio.run, args=(server.serve([listener]),), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()
        listener.close()


def frames(text: str) -> list[Frame]:
    """The frames of a whole stream or the beginning of one; comments and a cut last frame are left out."""
    whole, _, _ = text.rpartition("\n\n")
    found = []
    for block in whole.split("\n\n"):
        fields = dict(line.split(": ", 1) for line in block.splitlines() if line and not line.startswith(":"))
        if fields:
            found.append(Frame(int(fields["id"]), fields["event"], json.loads(fields["data"])))
    return found


def words(found: list[Frame]) -> str:
    """The text of the tokens."""
    return "".join(one.data["text"] for one in found if one.name == "token")


@dataclass(frozen=True)
class StreamClient:
    """One user's client of a stream function at `url`."""

    url: str
    user_id: str

    def post(self, session_id: str, content: str, **more: Any) -> httpx.Response:
        """The whole stream of a turn."""
        return self._post(session_id, content=content, **more)

    def again(self, session_id: str, message_id: str, **more: Any) -> httpx.Response:
        """The whole stream of an answer that is made again."""
        return self._post(session_id, regenerate=message_id, **more)

    def _post(self, session_id: str, **body: Any) -> httpx.Response:
        key = {"idempotency_key": body.pop("key")} if "key" in body else {}
        url = f"{self.url}/sessions/{session_id}/messages/stream"
        return httpx.post(url, json=body, headers=headers_of(self.user_id, **key), timeout=30)

    def resume(self, session_id: str, turn_id: str, after: int | str | None = None) -> httpx.Response:
        """The rest of the stream of a turn."""
        last = {} if after is None else {"last_event_id": str(after)}
        path = f"/sessions/{session_id}/turns/{turn_id}/stream"
        return httpx.get(f"{self.url}{path}", headers=headers_of(self.user_id, **last), timeout=30)
