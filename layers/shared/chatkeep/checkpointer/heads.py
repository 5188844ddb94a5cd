"""Finding checkpoints: headers with their pending writes, newest first."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from chatkeep.checkpoint_items import keys
from chatkeep.checkpoint_items.requests import Item, query
from chatkeep.checkpoint_items.table import SORT

_FIRST_PAGE = 4  # the head and the few writes that it may have


@dataclass(frozen=True)
class Found:
    """The item of a header and the items of the checkpoint's pending writes; `namespace` as it stands in the key."""

    namespace: str
    checkpoint_id: str
    item: Item
    writes: list[Item]


def since(client: Any, table: str, thread_id: str, namespace: str, checkpoint_id: str) -> list[Found]:
    """The checkpoints of a namespace from the head down to this one."""
    return [found for page in pages(client, table, thread_id, namespace, since=checkpoint_id) for found in page]


def newest(client: Any, table: str, thread_id: str, namespace: str) -> Found | None:
    """The head of a namespace, or None. One request, unless it has many pending writes."""
    for page in pages(client, table, thread_id, namespace, first_page=_FIRST_PAGE):
        for found in page:
            return found
    return None


def exact(client: Any, table: str, thread_id: str, namespace: str, checkpoint_id: str) -> Found | None:
    """One checkpoint, or None."""
    header = keys.header(namespace, checkpoint_id)
    items = [item for page in query(client, table, thread_id, (header, keys.after(header))) for item in page]
    if not items or items[0][SORT]["S"] != header:
        return None
    return Found(keys.name(namespace), checkpoint_id, items[0], items[1:])


def pages(
    client: Any,
    table: str,
    thread_id: str,
    namespace: str | None,
    *,
    before: str | None = None,
    since: str | None = None,
    first_page: int = 0,
) -> Iterator[list[Found]]:
    """The checkpoints of a namespace, or of all, older than `before` and down to `since`, by pages as they are read.

    Writes whose header is not there belong to a checkpoint that is not visible yet and are left out.
    """
    first, last = keys.headers(namespace)
    if namespace is not None:
        first = keys.header(namespace, since) if since else first
        last = keys.header(namespace, before) if before else last
    writes: list[Item] = []
    for page in query(client, table, thread_id, (first, last), newest_first=True, limit=first_page):
        found: list[Found] = []
        for item in page:
            place, checkpoint_id, is_header = keys.belongs_to(item[SORT]["S"])
            if before and checkpoint_id >= before:
                continue
            if is_header:
                own = [w for w in writes if keys.belongs_to(w[SORT]["S"])[:2] == (place, checkpoint_id)]
                found.append(Found(place, checkpoint_id, item, own))
                writes = []
            else:
                writes.append(item)
        yield found
