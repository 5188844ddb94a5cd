"""Batches of events as they are stored: compressed, and cut into pieces where they exceed DynamoDB's item limit."""

import json
import zlib
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from typing import Any

from chatkeep.models.event_batch import EventBatch
from chatkeep.streams.event import Event, Name
from chatkeep.text import serialised

PIECE_BYTES = 380_000
"""Of an item's 400 KB: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html#limits-items"""
IN_PIECES = (Name.TOKEN, Name.REASONING)
"""Kinds of events that come many in a row, of one message; the message is named once for all of them."""


def packed(events: Sequence[Event]) -> list[bytes]:
    """The events of a batch, whose numbers follow one another, in pieces that fit into an item each."""
    data = zlib.compress(serialised(list(_runs(events))).encode())
    return [data[at : at + PIECE_BYTES] for at in range(0, len(data), PIECE_BYTES)]


def unpacked(number: int, pieces: Iterable[bytes]) -> Iterator[Event]:
    """The events of a batch that begins with this number. Raises ValueError or zlib.error for a damaged one."""
    for name, about in json.loads(zlib.decompress(b"".join(pieces))):
        for data in _data(Name(name), about):
            yield Event(number, Name(name), data)
            number += 1


def read(items: Iterable[EventBatch]) -> Iterator[list[EventBatch]]:
    """The batches of items that are in order, all pieces of each; one that is not there whole is left out."""
    for _, pieces in groupby(items, key=lambda item: item.number):
        batch = list(pieces)
        if len(batch) == int(batch[0].pieces or 1):
            yield batch


def _runs(events: Sequence[Event]) -> Iterator[tuple[str, Any]]:
    for (name, message_id), run in groupby(events, key=_kind):
        if message_id is None:
            yield from ((name, event.data) for event in run)
        else:
            yield name, [message_id, *(event.data["text"] for event in run)]


def _kind(event: Event) -> tuple[Name, str | None]:
    return event.name, event.data["message_id"] if event.name in IN_PIECES else None


def _data(name: Name, about: Any) -> Iterator[dict[str, Any]]:
    if name not in IN_PIECES:
        yield about
        return
    message_id, *texts = about
    for text in texts:
        yield {"message_id": message_id, "text": text}
