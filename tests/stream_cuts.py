"""Clients whose connection to a stream is cut, and what is left to them."""

from collections.abc import Callable
from typing import Any

import httpx

from tests.streaming import StreamClient, frames, headers_of

client = httpx.Client(timeout=30)


def cut(stream: StreamClient, path: str, enough: Callable[[bytes], bool], **body: Any) -> bytes:
    """The bytes of a stream up to the one that is enough; then the connection is closed."""
    method = "POST" if body else "GET"
    got = b""
    headers = headers_of(stream.user_id)
    with client.stream(method, stream.url + path, headers=headers, json=body or None) as response:
        assert response.status_code == 200, response.read()
        for byte in response.iter_bytes(1):
            got += byte
            if enough(got):
                break
    return got


def whole(got: bytes) -> bytes:
    """The frames of these bytes that have come whole."""
    return got[: got.rfind(b"\n\n") + 2] if b"\n\n" in got else b""


def rest_of(stream: StreamClient, session_id: str, turn_id: str, got: bytes) -> bytes:
    """The stream after the last whole frame of these bytes."""
    found = frames(got.decode(errors="replace"))
    last = {"last_event_id": str(found[-1].number)} if found else {}
    path = f"{stream.url}/sessions/{session_id}/turns/{turn_id}/stream"
    return client.get(path, headers=headers_of(stream.user_id, **last)).content


def after(count: int, more: int) -> Callable[[bytes], bool]:
    """Whether so many frames have come, and so many bytes of the next one."""

    def enough(got: bytes) -> bool:
        parts = got.split(b"\n\n")
        return len(parts) - 1 >= count and len(parts[count] if len(parts) > count else b"") >= more

    return enough
