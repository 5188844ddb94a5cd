"""Payloads of items that make something visible: in the item, or, too large for that, in items that it names."""

from collections.abc import Iterable, Mapping, Sequence

from chatkeep.checkpoint_items import keys
from chatkeep.checkpoint_items.requests import Item, get_all
from chatkeep.checkpoint_items.table import DATA, PAYLOAD, SORT
from chatkeep.checkpointer.source import Source
from chatkeep.errors import BrokenThreadError


def sealed(source: Source, thread_id: str, items: Iterable[tuple[Item, str]]) -> list[bytes]:
    """The sealed payload of each item, which its text names in an error. Raises BrokenThreadError."""
    named = [(item, what, _names(item) if PAYLOAD in item else []) for item, what in items]
    fetched = fetch(source, thread_id, [names for _, _, names in named])
    return [joined(fetched, names, what) if names else item[DATA]["B"] for item, what, names in named]


def _names(item: Item) -> list[str]:
    """The keys of the items with its payload."""
    token, count = item[PAYLOAD]["S"].split(keys.SEPARATOR)
    _, namespace, checkpoint_id, *_ = item[SORT]["S"].split(keys.SEPARATOR)
    return keys.parts(keys.join(keys.OVERSIZE, namespace, checkpoint_id, token), int(count))


def fetch(source: Source, thread_id: str, names: Sequence[list[str]]) -> dict[str, bytes]:
    wanted = [name for own in names for name in own]
    items = get_all(source.client, source.table, thread_id, wanted)
    return {name: item[DATA]["B"] for name, item in items.items()}


def joined(fetched: Mapping[str, bytes], names: Sequence[str], what: str) -> bytes:
    """One payload from its parts. Raises BrokenThreadError where one is missing."""
    missing = [name for name in names if name not in fetched]
    if missing:
        raise BrokenThreadError(f"{what} lacks {len(missing)} of its {len(names)} items")
    return b"".join(fetched[name] for name in names)
