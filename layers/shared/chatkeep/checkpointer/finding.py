"""Finding checkpoints, newest first, and opening their headers and pending writes."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from chatkeep.checkpoint_items import keys
from chatkeep.checkpoint_items.requests import Item, query
from chatkeep.checkpoint_items.table import PRUNED, SORT
from chatkeep.checkpointer import large_payloads
from chatkeep.checkpointer.record import Header, Stored, unpack_header
from chatkeep.checkpointer.storage import Storage
from chatkeep.checkpointer.writes import Write, united, unpack_bundle, unpack_task

_FIRST_PAGE = 4  # the head and the few writes that it may have


@dataclass(frozen=True)
class CheckpointItems:
    """The item of a header and the items of the checkpoint's pending writes; `namespace` as it stands in the key."""

    namespace: str
    checkpoint_id: str
    item: Item
    writes: list[Item]


def newest(
    client: Any, table: str, thread_id: str, namespace: str, before: str | None = None
) -> CheckpointItems | None:
    """The head of a namespace, or its newest checkpoint `before` another, or None.

    One request, unless it has many pending writes.
    """
    for page in pages(client, table, thread_id, namespace, before=before, first_page=_FIRST_PAGE):
        for found in page:
            return found
    return None


def exact(client: Any, table: str, thread_id: str, namespace: str, checkpoint_id: str) -> CheckpointItems | None:
    """One checkpoint, or None."""
    header = keys.header(namespace, checkpoint_id)
    items = [item for page in query(client, table, thread_id, (header, keys.after(header))) for item in page]
    if not items or items[0][SORT]["S"] != header:
        return None
    return CheckpointItems(keys.name(namespace), checkpoint_id, items[0], items[1:])


def pages(
    client: Any,
    table: str,
    thread_id: str,
    namespace: str | None,
    *,
    before: str | None = None,
    since: str | None = None,
    first_page: int = 0,
) -> Iterator[list[CheckpointItems]]:
    """The checkpoints of a namespace, or of all, older than `before` and down to `since`, by pages as they are read.

    Writes whose header is not there belong to a checkpoint that is not visible yet and are left out.
    """
    first, last = keys.headers(namespace)
    if namespace is not None:
        first = keys.header(namespace, since) if since else first
        last = keys.header(namespace, before) if before else last
    waiting: list[Item] = []
    for page in query(client, table, thread_id, (first, last), newest_first=True, limit=first_page):
        yield assembled(page, waiting, before)


def assembled(items: Iterable[Item], waiting: list[Item], before: str | None = None) -> list[CheckpointItems]:
    """The checkpoints older than `before` whose header is among these items, which come newest first.

    `waiting` are the writes whose header is still to come; those of the items at the end are left there.
    """
    found: list[CheckpointItems] = []
    for item in items:
        place, checkpoint_id, is_header = keys.belongs_to(item[SORT]["S"])
        if before and checkpoint_id >= before:
            continue
        if is_header:
            own = [w for w in waiting if keys.belongs_to(w[SORT]["S"])[:2] == (place, checkpoint_id)]
            found.append(CheckpointItems(place, checkpoint_id, item, own))
            waiting.clear()
        else:
            waiting.append(item)
    return found


def read_headers(storage: Storage, thread_id: str, found: Sequence[CheckpointItems]) -> list[Header]:
    """The headers as they were written. Raises BrokenThreadError."""
    named = [(f.item, f"the header of checkpoint {f.checkpoint_id} of thread {thread_id}") for f in found]
    result = []
    for f, (_, what), data in zip(found, named, large_payloads.sealed(storage, thread_id, named), strict=True):
        packed = storage.codec.open(data, what)
        result.append(unpack_header(f.checkpoint_id, packed, pruned=PRUNED in f.item))
    return result


def read_writes(storage: Storage, thread_id: str, found: Sequence[CheckpointItems]) -> list[list[Write[Stored]]]:
    """The writes of each checkpoint, in no particular order. Raises BrokenThreadError."""
    bundles = [(f, item) for f in found for item in f.writes if keys.is_bundle(item[SORT]["S"])]
    what = [f"the pending writes of checkpoint {f.checkpoint_id} of thread {thread_id}" for f, _ in bundles]
    sealed = large_payloads.sealed(storage, thread_id, zip((item for _, item in bundles), what, strict=True))
    bundled: dict[int, list[Write[Stored]]] = {}
    for (f, _), data, name in zip(bundles, sealed, what, strict=True):
        bundled.setdefault(id(f), []).extend(unpack_bundle(storage.codec.open(data, name)))
    return [united(bundled.get(id(f), []), _of_tasks(storage, f)) for f in found]


def _of_tasks(storage: Storage, found: CheckpointItems) -> Iterator[Write[Stored]]:
    for item in found.writes:
        if not keys.is_bundle(item[SORT]["S"]):
            yield from unpack_task(storage.codec, item)
