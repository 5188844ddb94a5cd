"""Pending writes and how items hold them: an attribute for each write of one task, or many tasks' together."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from langgraph.checkpoint.base import writes_sort_key

from chatkeep.checkpoint_items import keys
from chatkeep.checkpoint_items.requests import Item
from chatkeep.checkpointer.codec import Codec
from chatkeep.checkpointer.header import Stored, pack_stored, unpack_stored
from chatkeep.checkpointer.values import Value

TASK = "t"
"""The attribute with the task's id, where the key has only a digest of it."""
BLOCK = 64
"""Indexes of a task in one item."""


@dataclass(frozen=True)
class Position:
    """Which of a checkpoint's writes; `index` is its number within its task, below 0 for LangGraph's own channels."""

    task_id: str
    index: int
    channel: str
    path: str

    @property
    def place(self) -> tuple[str, int]:
        """Task and index, which no two of a checkpoint's writes have in common."""
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


def attribute(position: Position) -> str:
    """The name of a write's attribute in its task's item."""
    return f"s{-position.index}" if position.index < 0 else f"w{position.index % BLOCK}"


def seal_write(codec: Codec, position: Position, stored: Stored) -> bytes:
    return codec.seal([position.channel, position.path, pack_stored(stored)])


def unpack_task(codec: Codec, item: Item) -> Iterator[StoredWrite]:
    """The writes in an item of one task. Raises BrokenThreadError."""
    *_, task, block = item["sk"]["S"].split(keys.SEPARATOR)
    task_id = item[TASK]["S"] if TASK in item else keys.unescape(task)
    for name, stored in item.items():
        if name in ("pk", "sk", TASK):
            continue
        number = int(name[1:])
        index = -number if name.startswith("s") else int(block, 16) * BLOCK + number
        channel, path, packed = codec.open(stored["B"], f"write {name} of task {task_id} in {item['pk']['S']}")
        yield StoredWrite(Position(task_id, index, channel, path), unpack_stored(packed))


def pack_bundle(writes: Iterable[StoredWrite]) -> dict[str, list[Any]]:
    """Writes of many tasks by the tasks' ids."""
    tasks: dict[str, list[Any]] = {}
    for write in writes:
        at = write.position
        tasks.setdefault(at.task_id, []).append([at.index, at.channel, at.path, pack_stored(write.stored)])
    return tasks


def unpack_bundle(tasks: dict[str, list[Any]]) -> Iterator[StoredWrite]:
    for task_id, writes in tasks.items():
        for index, channel, path, packed in writes:
            yield StoredWrite(Position(task_id, index, channel, path), unpack_stored(packed))


def united(bundled: Iterable[StoredWrite], younger: Iterable[StoredWrite]) -> list[StoredWrite]:
    """Of a regular write that is in both the first, of a special one the last."""
    writes = {write.position.place: write for write in bundled}
    for write in younger:
        if write.position.place not in writes or write.position.index < 0:
            writes[write.position.place] = write
    return list(writes.values())
