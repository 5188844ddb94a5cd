"""Pending writes of many tasks in one item: what a staged turn leaves, which no other writer adds to.

A task may have an item of its own besides, as `writes` makes them: what it has there is younger, as whoever stages
writes leaves out those that are stored already.
"""

from collections.abc import Iterable, Iterator
from typing import Any

from chatkeep.checkpoint_items import keys
from chatkeep.checkpoint_items.requests import Item
from chatkeep.checkpointer.manifest import Inline, packed_stored, unpacked_stored, whole
from chatkeep.checkpointer.rows import new_token
from chatkeep.checkpointer.shelf import Shelf, Writer
from chatkeep.checkpointer.snapshot import Outline
from chatkeep.checkpointer.writes import Position, StoredWrite, Write

MOST_BYTES = 32_000
"""Of the item itself: a transaction with several of them stays far from DynamoDB's 4 MB."""
_VALUE_BYTES = 32_000  # of a value among the others; a larger one has items of its own


def bundle(writer: Writer, checkpoint_id: str, writes: Iterable[Write]) -> tuple[Item, list[Item]]:
    """The item of these writes, no two of which have task and index in common, and the items that it refers to."""
    extra: list[Item] = []
    tasks: dict[str, list[Any]] = {}
    for write in writes:
        at = write.position
        packed, more = _packed(writer, checkpoint_id, write)
        tasks.setdefault(at.task_id, []).append([at.index, at.channel, at.path, packed])
        extra += more
    sort_key = keys.bundle(writer.namespace, checkpoint_id, new_token())
    item, more = writer.named(sort_key, checkpoint_id, tasks, MOST_BYTES)
    return item, [*extra, *more]


def _packed(writer: Writer, checkpoint_id: str, write: Write) -> tuple[list[Any], list[Item]]:
    """Where a write's value lies, and the items of what is not among the other writes."""
    lists = len(write.value.lists) if isinstance(write.value, Outline) else 1
    shelf = Shelf(writer, {}, inline_bytes=_VALUE_BYTES // lists)
    stored = shelf.stored(write.position.channel, write.value)
    inline = whole(stored)
    if not isinstance(inline, Inline) or len(inline.frame[1]) <= _VALUE_BYTES:
        return packed_stored(stored), shelf.rows
    stored, items = writer.moved(keys.oversize(writer.namespace, checkpoint_id), stored, inline.frame)
    return packed_stored(stored), [*shelf.rows, *items]


def unbundled(tasks: dict[str, list[Any]]) -> Iterator[StoredWrite]:
    """The writes of an item from what was sealed in it."""
    for task_id, writes in tasks.items():
        for index, channel, path, packed in writes:
            yield StoredWrite(Position(task_id, index, channel, path), unpacked_stored(packed))
