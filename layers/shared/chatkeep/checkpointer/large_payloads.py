"""Payloads in items of their own: blobs, and payloads of headers and writes that are too large for their item."""

from collections.abc import Iterable, Mapping, Sequence

from chatkeep.checkpoint_items import keys
from chatkeep.checkpoint_items.requests import Item, get_all
from chatkeep.checkpoint_items.table import DATA, PAYLOAD, SORT
from chatkeep.checkpointer.storage import Storage
from chatkeep.errors import BrokenThreadError


def sealed(storage: Storage, thread_id: str, items: Iterable[tuple[Item, str]]) -> list[bytes]:
    """The sealed payload of each item, which its text names in an error. Raises BrokenThreadError."""
    named = [(item, what, _names(item) if PAYLOAD in item else []) for item, what in items]
    fetched = fetch(storage, thread_id, [names for _, _, names in named])
    return [joined(fetched, names, what) if names else item[DATA]["B"] for item, what, names in named]


def _names(item: Item) -> list[str]:
    """The keys of the items with its payload."""
    token, count = item[PAYLOAD]["S"].split(keys.SEPARATOR)
    _, namespace, checkpoint_id, *_ = item[SORT]["S"].split(keys.SEPARATOR)
    return keys.parts(keys.join(keys.OVERSIZE, namespace, checkpoint_id, token), int(count))


def fetch(storage: Storage, thread_id: str, names: Sequence[list[str]]) -> dict[str, bytes]:
    wanted = [name for own in names for name in own]
    items = get_all(storage.client, storage.table, thread_id, wanted)
    return {name: item[DATA]["B"] for name, item in items.items()}


def joined(fetched: Mapping[str, bytes], names: Sequence[str], what: str) -> bytes:
    """One payload from its parts. Raises BrokenThreadError where one is missing."""
    missing = [name for name in names if name not in fetched]
    if missing:
        raise BrokenThreadError(f"{what} lacks {len(missing)} of its {len(names)} items")
    return b"".join(fetched[name] for name in names)
