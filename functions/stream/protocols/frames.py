"""Frames of server-sent events, and the stream that a list of events is in a protocol."""

from collections.abc import AsyncIterable, AsyncIterator, Iterator, Mapping
from typing import Any, Protocol

from chatkeep.streams.event import Event
from chatkeep.text import serialised

HEARTBEAT = b": heartbeat\n\n"
"""A comment, which clients pass over: the connection is alive."""
LINE_ENDS = {ord(end): f"\\u{ord(end):04x}" for end in "\x85\u2028\u2029"}
"""Characters that JSON lets stand and at which some clients end a line, Python's `splitlines` among them."""


class Encoder(Protocol):
    """A protocol's state within one stream; its frames depend on nothing but the events so far."""

    def opening(self) -> bytes:
        """The bytes that come before any event."""

    def frames(self, event: Event) -> Iterator[bytes]:
        """The frames that an event leads to."""


def one_line(value: Any) -> str:
    """Compact JSON on one line, by whatever rule a client finds lines."""
    text = serialised(value)
    return text if text.isascii() else text.translate(LINE_ENDS)


def data_frame(value: Mapping[str, Any]) -> bytes:
    """A frame without a name or an id, as the protocols of front ends have them."""
    return f"data: {one_line(value)}\n\n".encode()


async def encoded(encoder: Encoder, events: AsyncIterable[Event | None]) -> AsyncIterator[bytes]:
    """The stream of a list of events; None is a while in which nothing happened."""
    if opening := encoder.opening():
        yield opening
    async for event in events:
        if frames := _frames(encoder, event):
            yield frames


def _frames(encoder: Encoder, event: Event | None) -> bytes:
    return HEARTBEAT if event is None else b"".join(encoder.frames(event))
