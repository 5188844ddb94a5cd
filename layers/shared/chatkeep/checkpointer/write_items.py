"""Items for pending writes: one for each task, which may add to it, or one for all of a staged turn's.

A staged turn's bundle is added to by no other writer. A task may have an item of its own besides: the writes there are
younger, as whoever stages writes leaves out those that are stored already.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from chatkeep.checkpoint_items import keys
from chatkeep.checkpoint_items.requests import Item, key
from chatkeep.checkpointer.header import Stored
from chatkeep.checkpointer.items import ItemMaker, Layout
from chatkeep.checkpointer.lists import new_token
from chatkeep.checkpointer.writes import BLOCK, TASK, StoredWrite, Write, attribute, pack_bundle, seal_write

_LARGE_INDEXES, _LARGE_BYTES, _SMALL_BYTES = 8, 32_000, 2_000  # a full item is then still below the item limit
MOST_BUNDLE_BYTES = 32_000
"""Of a bundle's item: a transaction with several of them stays far from DynamoDB's 4 MB."""
_BUNDLED_BYTES = 32_000  # of a value among the others; a larger one has items of its own


@dataclass(frozen=True)
class TaskItem:
    """One item's writes; `payload` has the items of the values that are not in it, to be put before."""

    key: Item
    attributes: dict[str, bytes]
    task: str | None  # the task id, where the key has only a digest of it
    payload: list[Item]

    def request(self, table: str) -> dict[str, Any]:
        """An UpdateItem that keeps the first regular write of an index and the last special one, as savers have to."""
        names = sorted(self.attributes)
        sets = [f"{n} = :{n}" if n.startswith("s") else f"{n} = if_not_exists({n}, :{n})" for n in names]
        values: Item = {f":{name}": {"B": self.attributes[name]} for name in names}
        if self.task:
            sets.append(f"{TASK} = :{TASK}")
            values[f":{TASK}"] = {"S": self.task}
        return {
            "TableName": table,
            "Key": self.key,
            "UpdateExpression": "SET " + ", ".join(sets),
            "ExpressionAttributeValues": values,
        }


def task_items(maker: ItemMaker, checkpoint_id: str, writes: Sequence[Write]) -> list[TaskItem]:
    """The items of a task's writes. An index that comes twice has its last special or first regular write.

    A list shares rows with the maker's lists nearby: a subgraph hands back the whole list that it was given.
    """
    blocks: dict[int, dict[str, Write]] = {}
    for write in writes:
        own = blocks.setdefault(max(write.position.index, 0) // BLOCK, {})
        if write.position.index < 0:
            own[attribute(write.position)] = write
        else:
            own.setdefault(attribute(write.position), write)
    return [_task_item(maker, checkpoint_id, block, own) for block, own in blocks.items()]


def _task_item(maker: ItemMaker, checkpoint_id: str, block: int, writes: dict[str, Write]) -> TaskItem:
    sealed: dict[str, bytes] = {}
    payload: list[Item] = []
    task_id = next(iter(writes.values())).position.task_id
    for name, write in writes.items():
        roomy = write.position.index >= 0 and write.position.index % BLOCK < _LARGE_INDEXES
        sealed[name], more = _attribute(maker, checkpoint_id, write, _LARGE_BYTES if roomy else _SMALL_BYTES)
        payload += more
    sort_key = keys.writes(maker.namespace, checkpoint_id, task_id, block)
    task = task_id if keys.is_hashed(keys.name(task_id)) else None
    return TaskItem(key(maker.thread_id, sort_key), sealed, task, payload)


def _attribute(maker: ItemMaker, checkpoint_id: str, write: Write, most: int) -> tuple[bytes, list[Item]]:
    """A write as an attribute of about `most` bytes at the most, and the items of the parts that are not in it."""
    stored, rows = _laid_out(maker, write, most // 2)
    sealed = seal_write(maker.codec, write.position, stored)
    if len(sealed) <= most or not stored.inline:
        return sealed, rows
    stored, items = maker.outsource(keys.oversize(maker.namespace, checkpoint_id), stored)
    return seal_write(maker.codec, write.position, stored), [*rows, *items]


def bundle(maker: ItemMaker, checkpoint_id: str, writes: Iterable[Write]) -> tuple[Item, list[Item]]:
    """The item of these writes, no two of which have task and index in common, and the items that it refers to."""
    payload: list[Item] = []
    bundled: list[StoredWrite] = []
    for write in writes:
        stored, rows = _laid_out(maker, write, _BUNDLED_BYTES)
        payload += rows
        if stored.inline and len(stored.inline[1]) > _BUNDLED_BYTES:
            stored, items = maker.outsource(keys.oversize(maker.namespace, checkpoint_id), stored)
            payload += items
        bundled.append(StoredWrite(write.position, stored))
    sort_key = keys.bundle(maker.namespace, checkpoint_id, new_token())
    item, more = maker.named(sort_key, checkpoint_id, pack_bundle(bundled), MOST_BUNDLE_BYTES)
    return item, [*payload, *more]


def _laid_out(maker: ItemMaker, write: Write, inline_bytes: int) -> tuple[Stored, list[Item]]:
    """Where a write's value lies, its lists with so many bytes inline together, and the rows of the others."""
    layout = Layout(maker, {}, inline_bytes=inline_bytes // max(1, len(write.value.lists)))
    stored = layout.place(write.position.channel, write.value)
    return stored, layout.payload
