"""The pending writes of checkpoints as they are stored: items of one task each, and bundles of many tasks."""

from collections.abc import Iterable, Sequence

from chatkeep.checkpoint_items import keys
from chatkeep.checkpoint_items.table import SORT
from chatkeep.checkpointer import oversize
from chatkeep.checkpointer.bundles import unbundled
from chatkeep.checkpointer.heads import Found
from chatkeep.checkpointer.source import Source
from chatkeep.checkpointer.writes import StoredWrite, read


def stored_writes(source: Source, thread_id: str, found: Sequence[Found]) -> list[list[StoredWrite]]:
    """The writes of each checkpoint, in no particular order. Raises BrokenThreadError."""
    bundles = [(f, item) for f in found for item in f.writes if keys.is_bundle(item[SORT]["S"])]
    what = [f"the pending writes of checkpoint {f.checkpoint_id} of thread {thread_id}" for f, _ in bundles]
    sealed = oversize.sealed(source, thread_id, zip((item for _, item in bundles), what, strict=True))
    bundled: dict[int, list[StoredWrite]] = {}
    for (f, _), data, name in zip(bundles, sealed, what, strict=True):
        bundled.setdefault(id(f), []).extend(unbundled(source.codec.open(data, name)))
    return [_merged(bundled.get(id(f), []), _of_tasks(source, f)) for f in found]


def _of_tasks(source: Source, found: Found) -> Iterable[StoredWrite]:
    for item in found.writes:
        if not keys.is_bundle(item[SORT]["S"]):
            yield from read(source.codec, item)


def _merged(bundled: Iterable[StoredWrite], younger: Iterable[StoredWrite]) -> list[StoredWrite]:
    """Of a regular write that is in both the first, of a special one the last."""
    merged = {write.position.place: write for write in bundled}
    for write in younger:
        if write.position.place not in merged or write.position.index < 0:
            merged[write.position.place] = write
    return list(merged.values())
