"""Removing checkpoints with all payloads that no remaining checkpoint refers to."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence

from chatkeep.checkpoint_items import keys
from chatkeep.checkpoint_items.requests import Item, delete_all, query
from chatkeep.checkpoint_items.table import SORT
from chatkeep.checkpointer.finding import CheckpointItems, read_writes
from chatkeep.checkpointer.payloads import wanted_entry
from chatkeep.checkpointer.record import Header, Ref
from chatkeep.checkpointer.storage import Storage

_UNKNOWN_END = 10**9  # of the last row that was read


def remove(storage: Storage, thread_id: str, checkpoints: list[tuple[CheckpointItems, Header, bool]]) -> None:
    """Delete the checkpoints that are not kept: first their headers and writes, then payloads that no kept one needs.

    Payloads written for a checkpoint that is not visible yet are referred to by none and so stay.
    """
    removed = [(found, header) for found, header, is_kept in checkpoints if not is_kept]
    kept = [(found, header) for found, header, is_kept in checkpoints if is_kept]
    garbage = list(_own(storage, thread_id, [header for _, header in removed]))
    gone = {header.namespace for _, header in removed} - {header.namespace for _, header in kept}
    garbage += [keys.primary(thread_id, keys.guard(namespace)) for namespace in sorted(gone)]
    garbage += [keys.primary(thread_id, blob) for blob in _blobs(removed) - _blobs(kept)]
    rows, needed = _rows(storage, thread_id, removed), _rows(storage, thread_id, kept)
    for generation, refs in rows.items():
        garbage += _unshared(storage, thread_id, refs, needed.get(generation, set()))
    delete_all(storage.client, storage.table, (found.item for found, _ in removed))
    delete_all(storage.client, storage.table, (item for found, _ in removed for item in found.writes))
    delete_all(storage.client, storage.table, garbage)


def _own(storage: Storage, thread_id: str, removed: Iterable[Header]) -> Iterator[Item]:
    """The payloads of headers and writes that are too large for their items."""
    ids = {(keys.name(header.namespace), header.checkpoint_id) for header in removed}
    if not ids:
        return
    bounds = (keys.join(keys.OVERSIZE, ""), keys.after(keys.OVERSIZE))
    for page in query(storage.client, storage.table, thread_id, bounds, keys_only=True):
        for item in page:
            _, namespace, checkpoint_id, *_ = item[SORT]["S"].split(keys.SEPARATOR)
            if (namespace, keys.unescape(checkpoint_id)) in ids:
                yield item


def _blobs(checkpoints: Iterable[tuple[CheckpointItems, Header]]) -> set[str]:
    """The keys of the blobs that these checkpoints refer to."""
    found: set[str] = set()
    for _, header in checkpoints:
        for channel, entry in [*header.entries.items(), *header.seeds.items()]:
            blob = wanted_entry("", header, channel, entry).blob
            if blob:
                found.update(keys.parts(*blob))
    return found


def _rows(
    storage: Storage, thread_id: str, checkpoints: Sequence[tuple[CheckpointItems, Header]]
) -> dict[str, set[Ref]]:
    """The references of these checkpoints and their pending writes to rows, by generation.

    The checkpoints are those of all namespaces, as these share rows.
    """
    refs: list[Ref] = []
    for _, header in checkpoints:
        for stored in [*header.entries.values(), *header.seeds.values()]:
            refs += stored.refs
        for early in header.delta_rows.values():
            refs += early.refs
    for writes in read_writes(storage, thread_id, [found for found, _ in checkpoints]):
        for write in writes:
            refs += write.value.refs
    by_generation: dict[str, set[Ref]] = defaultdict(set)
    for ref in refs:
        by_generation[ref.generation].add(ref)
    return by_generation


def _unshared(storage: Storage, thread_id: str, refs: set[Ref], needed: set[Ref]) -> Iterator[Item]:
    """The items of a generation's rows that `refs` touch and those that are `needed` do not."""
    generation = next(iter(refs)).generation
    spans, needed_spans = _merged(refs), _merged(needed)
    first, last = keys.row(generation, min(ref.row for ref in refs)), keys.row(generation, spans[-1][1] - 1)
    bounds = (first, keys.after(last))
    items = [item for page in query(storage.client, storage.table, thread_id, bounds, keys_only=True) for item in page]
    starts = sorted({keys.row_position(item[SORT]["S"]) for item in items})
    ends = dict(zip(starts, [*starts[1:], _UNKNOWN_END], strict=True))
    for item in items:
        position = keys.row_position(item[SORT]["S"])
        row = (position, ends[position])
        if _touches(row, spans) and not _touches(row, needed_spans):
            yield item


def _merged(refs: Iterable[Ref]) -> list[tuple[int, int]]:
    spans: list[tuple[int, int]] = []
    for start, stop in sorted((ref.start, ref.stop) for ref in refs):
        if spans and start <= spans[-1][1]:
            spans[-1] = (spans[-1][0], max(stop, spans[-1][1]))
        else:
            spans.append((start, stop))
    return spans


def _touches(row: tuple[int, int], spans: list[tuple[int, int]]) -> bool:
    return any(start < row[1] and row[0] < stop for start, stop in spans)
