"""Items for pending writes: one for each task, which may add to it, or one for all of a staged turn's.

A staged turn's bundle is added to by no other writer. A task may have an item of its own besides: the writes there are
younger, as whoever stages writes leaves out those that are stored already.
"""

from collections.abc import Iterable, Sequence

from chatkeep.checkpoint_items import keys
from chatkeep.checkpoint_items.requests import Item
from chatkeep.checkpointer.items import ItemMaker, Layout
from chatkeep.checkpointer.record import Stored, Value
from chatkeep.checkpointer.writes import BLOCK, TASK, Write, attribute, pack_bundle, seal_write

_LARGE_INDEXES, _LARGE_BYTES, _SMALL_BYTES = 8, 32_000, 2_000  # a full item is then still below the item limit
MOST_BUNDLE_BYTES = 32_000
"""Of a bundle's item: a transaction with several of them stays far from DynamoDB's 4 MB."""
_BUNDLED_BYTES = 32_000  # of a value among the others; a larger one has items of its own


def task_requests(
    maker: ItemMaker, table: str, checkpoint_id: str, writes: Sequence[Write[Value]]
) -> list[tuple[Item, list[Item]]]:
    """UpdateItem requests that add a task's writes, each with the items to put before it.

    An index that comes twice has its last special or first regular write. A list shares rows with the maker's lists
    nearby: a subgraph hands back the whole list that it was given.
    """
    blocks: dict[int, dict[str, Write[Value]]] = {}
    for write in writes:
        own = blocks.setdefault(max(write.index, 0) // BLOCK, {})
        if write.index < 0:
            own[attribute(write)] = write
        else:
            own.setdefault(attribute(write), write)
    return [_task_request(maker, table, checkpoint_id, block, own) for block, own in blocks.items()]


def _task_request(
    maker: ItemMaker, table: str, checkpoint_id: str, block: int, writes: dict[str, Write[Value]]
) -> tuple[Item, list[Item]]:
    """An update that keeps the first regular write of an index and the last special one, as savers have to."""
    values: Item = {}
    payload: list[Item] = []
    task_id = next(iter(writes.values())).task_id
    for name, write in writes.items():
        roomy = write.index >= 0 and write.index % BLOCK < _LARGE_INDEXES
        sealed, more = _attribute(maker, checkpoint_id, write, _LARGE_BYTES if roomy else _SMALL_BYTES)
        values[f":{name}"] = {"B": sealed}
        payload += more
    sets = [f"{n} = :{n}" if n.startswith("s") else f"{n} = if_not_exists({n}, :{n})" for n in sorted(writes)]
    if keys.is_hashed(keys.name(task_id)):
        sets.append(f"{TASK} = :{TASK}")
        values[f":{TASK}"] = {"S": task_id}
    request = {
        "TableName": table,
        "Key": keys.primary(maker.thread_id, keys.writes(maker.namespace, checkpoint_id, task_id, block)),
        "UpdateExpression": "SET " + ", ".join(sets),
        "ExpressionAttributeValues": values,
    }
    return request, payload


def _attribute(maker: ItemMaker, checkpoint_id: str, write: Write[Value], most: int) -> tuple[bytes, list[Item]]:
    """A write as an attribute of about `most` bytes at the most, and the items of the parts that are not in it."""
    stored, rows = _laid_out(maker, write, most // 2)
    sealed = seal_write(maker.codec, write.holding(stored))
    if len(sealed) <= most or not stored.rest:
        return sealed, rows
    stored, items = maker.outsource(keys.oversize(maker.namespace, checkpoint_id), stored)
    return seal_write(maker.codec, write.holding(stored)), [*rows, *items]


def bundle(maker: ItemMaker, checkpoint_id: str, writes: Iterable[Write[Value]]) -> tuple[Item, list[Item]]:
    """The item of these writes, no two of which have task and index in common, and the items that it refers to."""
    payload: list[Item] = []
    bundled: list[Write[Stored]] = []
    for write in writes:
        stored, rows = _laid_out(maker, write, _BUNDLED_BYTES)
        payload += rows
        if stored.rest and len(stored.rest[1]) > _BUNDLED_BYTES:
            stored, items = maker.outsource(keys.oversize(maker.namespace, checkpoint_id), stored)
            payload += items
        bundled.append(write.holding(stored))
    sort_key = keys.bundle(maker.namespace, checkpoint_id, keys.new_token())
    item, more = maker.named(sort_key, checkpoint_id, pack_bundle(bundled), MOST_BUNDLE_BYTES)
    return item, [*payload, *more]


def _laid_out(maker: ItemMaker, write: Write[Value], inline_bytes: int) -> tuple[Stored, list[Item]]:
    """Where a write's value lies, its lists with so many bytes inline together, and the rows of the others."""
    layout = Layout(maker, {}, inline_bytes=inline_bytes // max(1, len(write.value.lists)))
    stored = layout.place(write.channel, write.value)
    return stored, layout.payload
