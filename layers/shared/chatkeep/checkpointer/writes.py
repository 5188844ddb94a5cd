"""Pending writes: the writes of one task share an item, an attribute for each index."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from langgraph.checkpoint.base import WRITES_IDX_MAP, writes_sort_key

from chatkeep.checkpoint_items import keys
from chatkeep.checkpoint_items.requests import Item, key
from chatkeep.checkpointer.codec import Codec
from chatkeep.checkpointer.manifest import Inline, Stored, packed_stored, unpacked_stored, whole
from chatkeep.checkpointer.shelf import Shelf, Writer
from chatkeep.checkpointer.snapshot import Outline, Value, dump

TASK = "t"
_BLOCK = 64
_LARGE_INDEXES, _LARGE_BYTES, _SMALL_BYTES = 8, 32_000, 2_000  # a full item is then still below the item limit


@dataclass(frozen=True)
class Position:
    """Which of a checkpoint's writes; `index` is its number within its task, below 0 for LangGraph's own channels."""

    task_id: str
    index: int
    channel: str
    path: str

    @property
    def place(self) -> tuple[str, int]:
        """What no two of a checkpoint's writes have in common."""
        return self.task_id, self.index

    @property
    def order(self) -> tuple[str, str, int]:
        return writes_sort_key(self.path, self.task_id, self.index)


@dataclass(frozen=True)
class Write:
    """One pending write."""

    position: Position
    value: Value


@dataclass(frozen=True)
class StoredWrite:
    """One pending write and where its value lies."""

    position: Position
    stored: Stored


@dataclass(frozen=True)
class Update:
    """One item's writes; `payload` has the items of what is not in it, to be put before."""

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


def numbered(codec: Codec, writes: Sequence[tuple[str, Any]], task_id: str, task_path: str) -> Iterator[Write]:
    for index, (channel, value) in enumerate(writes):
        position = Position(task_id, WRITES_IDX_MAP.get(channel, index), channel, task_path)
        yield Write(position, dump(codec, value))


def updates(writer: Writer, checkpoint_id: str, writes: Sequence[Write]) -> list[Update]:
    """The items of a task's writes. An index that comes twice has its last special or first regular write.

    A list shares rows with the writer's lists nearby: a subgraph hands back the whole list that it was given.
    """
    blocks: dict[int, dict[str, Write]] = {}
    for write in writes:
        index = write.position.index
        attributes = blocks.setdefault(max(index, 0) // _BLOCK, {})
        if index < 0:
            attributes[f"s{-index}"] = write
        else:
            attributes.setdefault(f"w{index % _BLOCK}", write)
    return [_update(writer, checkpoint_id, block, attributes) for block, attributes in blocks.items()]


def _update(writer: Writer, checkpoint_id: str, block: int, writes: dict[str, Write]) -> Update:
    sealed: dict[str, bytes] = {}
    extra: list[Item] = []
    task_id = next(iter(writes.values())).position.task_id
    for name, write in writes.items():
        roomy = write.position.index >= 0 and write.position.index % _BLOCK < _LARGE_INDEXES
        sealed[name], more = _attribute(writer, checkpoint_id, write, _LARGE_BYTES if roomy else _SMALL_BYTES)
        extra += more
    sort_key = keys.writes(writer.namespace, checkpoint_id, task_id, block)
    task = task_id if keys.is_hashed(keys.name(task_id)) else None
    return Update(key(writer.thread_id, sort_key), sealed, task, extra)


def _attribute(writer: Writer, checkpoint_id: str, write: Write, most: int) -> tuple[bytes, list[Item]]:
    """A write as an attribute of about `most` bytes at the most, and the items of what is not in it."""
    lists = len(write.value.lists) if isinstance(write.value, Outline) else 1
    shelf = Shelf(writer, {}, inline_bytes=most // 2 // lists)
    stored = shelf.stored(write.position.channel, write.value)
    sealed, inline = _sealed(writer, write, stored), whole(stored)
    if len(sealed) <= most or not isinstance(inline, Inline):
        return sealed, shelf.rows
    stored, items = writer.moved(keys.oversize(writer.namespace, checkpoint_id), stored, inline.frame)
    return _sealed(writer, write, stored), [*shelf.rows, *items]


def _sealed(writer: Writer, write: Write, stored: Stored) -> bytes:
    return writer.codec.seal([write.position.channel, write.position.path, packed_stored(stored)])


def read(codec: Codec, item: Item) -> Iterator[StoredWrite]:
    """The writes of one item. Raises BrokenThreadError."""
    *_, task, block = item["sk"]["S"].split(keys.SEPARATOR)
    task_id = item[TASK]["S"] if TASK in item else keys.unescape(task)
    for name, stored in item.items():
        if name in ("pk", "sk", TASK):
            continue
        number = int(name[1:])
        index = -number if name.startswith("s") else int(block, 16) * _BLOCK + number
        channel, path, packed = codec.open(stored["B"], f"write {name} of task {task_id} in {item['pk']['S']}")
        yield StoredWrite(Position(task_id, index, channel, path), unpacked_stored(packed))
