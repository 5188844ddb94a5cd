"""Pending writes: the writes of one task share an item, an attribute for each index."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from langgraph.checkpoint.base import WRITES_IDX_MAP, writes_sort_key

from chatkeep.checkpoint_items import keys
from chatkeep.checkpoint_items.requests import Item, key
from chatkeep.checkpointer.codec import Codec, Frame, pack, unpack
from chatkeep.checkpointer.planning import Writer
from chatkeep.checkpointer.rows import new_token

TASK = "t"
_BLOCK = 64
_LARGE_INDEXES, _LARGE_BYTES, _SMALL_BYTES = 8, 32_000, 2_000  # a full item is then still below the item limit


@dataclass(frozen=True)
class Write:
    """One pending write; `index` is its number within its task, negative for LangGraph's special channels."""

    task_id: str
    index: int
    channel: str
    frame: Frame
    path: str

    @property
    def order(self) -> tuple[str, str, int]:
        return writes_sort_key(self.path, self.task_id, self.index)


@dataclass(frozen=True)
class Update:
    """One item's writes; `payload` has the items of what is too large for it, to be put before."""

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

    def item(self) -> Item:
        """The whole item, where no other can be there yet."""
        item = {**self.key, **{name: {"B": value} for name, value in self.attributes.items()}}
        return {**item, TASK: {"S": self.task}} if self.task else item


def numbered(codec: Codec, writes: Sequence[tuple[str, Any]], task_id: str, task_path: str) -> Iterator[Write]:
    for index, (channel, value) in enumerate(writes):
        yield Write(task_id, WRITES_IDX_MAP.get(channel, index), channel, codec.dump(value), task_path)


def updates(writer: Writer, checkpoint_id: str, writes: Sequence[Write]) -> list[Update]:
    """The items of a task's writes. An index that comes twice has its last special or first regular write."""
    blocks: dict[int, dict[str, Write]] = {}
    for write in writes:
        attributes = blocks.setdefault(max(write.index, 0) // _BLOCK, {})
        if write.index < 0:
            attributes[f"s{-write.index}"] = write
        else:
            attributes.setdefault(f"w{write.index % _BLOCK}", write)
    return [_update(writer, checkpoint_id, block, attributes) for block, attributes in blocks.items()]


def _update(writer: Writer, checkpoint_id: str, block: int, writes: dict[str, Write]) -> Update:
    sealed: dict[str, bytes] = {}
    extra: list[Item] = []
    task_id = next(iter(writes.values())).task_id
    for name, write in writes.items():
        fields = [write.channel, write.path]
        sealed[name] = writer.codec.seal([*fields, pack(write.frame)])
        roomy = 0 <= write.index % _BLOCK < _LARGE_INDEXES and write.index >= 0
        if len(sealed[name]) > (_LARGE_BYTES if roomy else _SMALL_BYTES):
            token = new_token()
            parts = writer.items(keys.oversize(writer.namespace, checkpoint_id, token), pack(write.frame))
            sealed[name] = writer.codec.seal([*fields, token, len(parts)])
            extra += parts
    sort_key = keys.writes(writer.namespace, checkpoint_id, task_id, block)
    task = task_id if keys.is_hashed(keys.name(task_id)) else None
    return Update(key(writer.thread_id, sort_key), sealed, task, extra)


@dataclass(frozen=True)
class Outside:
    """A pending write whose value lies in items of its own."""

    write: Write
    token: str
    parts: int

    def filled(self, frame: Frame) -> Write:
        return replace(self.write, frame=frame)


def read(codec: Codec, item: Item) -> Iterator[Write | Outside]:
    """The writes of one item. Raises BrokenThreadError."""
    *_, task, block = item["sk"]["S"].split(keys.SEPARATOR)
    task_id = item[TASK]["S"] if TASK in item else keys.unescape(task)
    for name, stored in item.items():
        if name in ("pk", "sk", TASK):
            continue
        number = int(name[1:])
        index = -number if name.startswith("s") else int(block, 16) * _BLOCK + number
        channel, path, *rest = codec.open(stored["B"], f"write {name} of task {task_id} in {item['pk']['S']}")
        if len(rest) == 2:
            yield Outside(Write(task_id, index, channel, ("null", b""), path), *rest)
        else:
            yield Write(task_id, index, channel, unpack(rest[0]), path)
