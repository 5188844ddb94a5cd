"""Chatkeep's own stream: each event under its name, with its number as the id to resume after."""

from collections.abc import Iterator

from chatkeep.streams.event import Event
from functions.stream.protocols.frames import one_line

HEADERS = {"Content-Type": "text/event-stream", "Cache-Control": "no-cache", "X-Accel-Buffering": "no"}


class Native:
    """Has no state: a stream that begins in the middle is the end of the whole one."""

    def opening(self) -> bytes:
        return b""

    def frames(self, event: Event) -> Iterator[bytes]:
        """The event's one frame. The id comes last, so that a frame that was cut does not count as read."""
        yield f"event: {event.name}\ndata: {one_line(event.data)}\nid: {event.number}\n\n".encode()
