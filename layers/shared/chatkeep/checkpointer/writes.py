"""Pending writes and how items hold them: an attribute for each write of one task, or many tasks' together."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from langgraph.checkpoint.base import writes_sort_key

from chatkeep.checkpoint_items import keys
from chatkeep.checkpoint_items.requests import Item
from chatkeep.checkpointer.codec import Codec
from chatkeep.checkpointer.record import Stored, pack_stored, unpack_stored

V = TypeVar("V")
Other = TypeVar("Other")
TASK = "t"
"""The attribute with the task's id, where the key has only a digest of it."""
BLOCK = 64
"""Indexes of a task in one item."""


@dataclass(frozen=True)
class Write(Generic[V]):
    """One pending write, with its value or with the place of that.

    `index` is its number within its task, below 0 for LangGraph's own channels.
    """

    task_id: str
    index: int
    channel: str
    path: str
    value: V

    @property
    def place(self) -> tuple[str, int]:
        """Task and index, which no two of a checkpoint's writes have in common."""
        return self.task_id, self.index

    @property
    def order(self) -> tuple[str, str, int]:
        return writes_sort_key(self.path, self.task_id, self.index)

    def holding(self, value: Other) -> "Write[Other]":
        """The same write with its value in another form."""
        return Write(self.task_id, self.index, self.channel, self.path, value)


def attribute(write: Write[Any]) -> str:
    """The name of a write's attribute in its task's item."""
    return f"s{-write.index}" if write.index < 0 else f"w{write.index % BLOCK}"


def seal_write(codec: Codec, write: Write[Stored]) -> bytes:
    return codec.seal([write.channel, write.path, pack_stored(write.value)])


def unpack_task(codec: Codec, item: Item) -> Iterator[Write[Stored]]:
    """The writes in an item of one task. Raises BrokenThreadError."""
    *_, task, block = item["sk"]["S"].split(keys.SEPARATOR)
    task_id = item[TASK]["S"] if TASK in item else keys.unescape(task)
    for name, stored in item.items():
        if name in ("pk", "sk", TASK):
            continue
        number = int(name[1:])
        index = -number if name.startswith("s") else int(block, 16) * BLOCK + number
        channel, path, packed = codec.open(stored["B"], f"write {name} of task {task_id} in {item['pk']['S']}")
        yield Write(task_id, index, channel, path, unpack_stored(packed))


def pack_bundle(writes: Iterable[Write[Stored]]) -> dict[str, list[Any]]:
    """Writes of many tasks by the tasks' ids."""
    tasks: dict[str, list[Any]] = {}
    for write in writes:
        packed = [write.index, write.channel, write.path, pack_stored(write.value)]
        tasks.setdefault(write.task_id, []).append(packed)
    return tasks


def unpack_bundle(tasks: dict[str, list[Any]]) -> Iterator[Write[Stored]]:
    for task_id, writes in tasks.items():
        for index, channel, path, packed in writes:
            yield Write(task_id, index, channel, path, unpack_stored(packed))


def united(bundled: Iterable[Write[Stored]], younger: Iterable[Write[Stored]]) -> list[Write[Stored]]:
    """Of a regular write that is in both the first, of a special one the last."""
    writes = {write.place: write for write in bundled}
    for write in younger:
        if write.place not in writes or write.index < 0:
            writes[write.place] = write
    return list(writes.values())
