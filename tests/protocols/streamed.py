"""The stream that a list of events is in a protocol."""

import asyncio
from collections.abc import AsyncIterator, Sequence

from chatkeep.streams.event import Event
from functions.stream.protocols.frames import Encoder, encoded


def streamed(encoder: Encoder, events: Sequence[Event | None]) -> bytes:
    """The bytes of the whole stream; None is a while in which nothing happened."""
    return asyncio.run(_joined(encoder, events))


async def _joined(encoder: Encoder, events: Sequence[Event | None]) -> bytes:
    return b"".join([frames async for frames in encoded(encoder, _one_by_one(events))])


async def _one_by_one(events: Sequence[Event | None]) -> AsyncIterator[Event | None]:
    for event in events:
        yield event
