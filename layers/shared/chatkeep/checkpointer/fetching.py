"""Fetching the payloads that headers and writes refer to: rows by range, others by key, side by side."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial

from chatkeep.checkpoint_items import keys
from chatkeep.checkpoint_items.requests import query
from chatkeep.checkpoint_items.table import DATA, SORT
from chatkeep.checkpointer import large_payloads
from chatkeep.checkpointer.codec import Digested, digested, unpack
from chatkeep.checkpointer.payloads import Payloads, Wanted
from chatkeep.checkpointer.record import Ref
from chatkeep.checkpointer.storage import Storage
from chatkeep.errors import BrokenThreadError

_GAP = 64  # elements between two stretches of a generation that are cheaper to read along than to ask apart


def read_payloads(storage: Storage, thread_id: str, wanted: Sequence[Wanted], *, anew: bool = False) -> Payloads:
    """Get the payloads of these values, each request beside the others; `anew` without the cache.

    Raises BrokenThreadError.
    """
    payloads = Payloads()
    if not anew:
        _take_cached(storage, thread_id, payloads, wanted)
    blobs: dict[str, tuple[int, str]] = {}
    ranges: dict[str, list[Ref]] = defaultdict(list)
    users: dict[str, str] = {}
    for one in wanted:
        if one.blob and one.blob[0] not in payloads.frames:
            blobs[one.blob[0]] = (one.blob[1], one.where)
        for ref in one.stored.refs:
            if missing := _missing(ref, payloads.rows[ref.generation]):
                ranges[ref.generation].append(missing)
                users.setdefault(ref.generation, one.where)
    jobs: list[Callable[[], None]] = [
        partial(_read_rows, storage, thread_id, payloads, generation, span, users[generation])
        for generation, refs in ranges.items()
        for span in _spans(refs)
    ]
    if blobs:
        jobs.append(partial(_read_blobs, storage, thread_id, payloads, blobs))
    storage.side_by_side(jobs)
    return payloads


def _take_cached(storage: Storage, thread_id: str, payloads: Payloads, wanted: Iterable[Wanted]) -> None:
    for one in wanted:
        if one.blob and (frame := storage.cache.frame(thread_id, one.blob[0])):
            payloads.frames[one.blob[0]] = frame
    for generation in {ref.generation for one in wanted for ref in one.stored.refs}:
        if cached := storage.cache.rows(thread_id, generation):
            payloads.rows[generation] = cached
            payloads.again = partial(_read_again, storage, thread_id)


def _read_again(storage: Storage, thread_id: str, wanted: Wanted) -> Payloads:
    storage.cache.forget(thread_id)
    return read_payloads(storage, thread_id, [wanted], anew=True)


def _missing(ref: Ref, rows: Mapping[int, Digested]) -> Ref | None:
    """The part of a reference from the first row on that is not there."""
    row = ref.row
    while row < ref.stop and row in rows:
        row += len(rows[row].frames)
    return replace(ref, row=row) if row < ref.stop else None


def _spans(refs: list[Ref]) -> list[tuple[int, int]]:
    """Ranges of positions that hold the references, neighbouring ones together."""
    spans: list[tuple[int, int]] = []
    for first, stop in sorted((ref.row, ref.stop) for ref in refs):
        if spans and first <= spans[-1][1] + _GAP:
            spans[-1] = (spans[-1][0], max(stop, spans[-1][1]))
        else:
            spans.append((first, stop))
    return spans


def _read_rows(
    storage: Storage, thread_id: str, payloads: Payloads, generation: str, span: tuple[int, int], user: str
) -> None:
    bounds = keys.row(generation, span[0]), keys.after(keys.row(generation, span[1] - 1))
    stored: dict[int, bytes] = defaultdict(bytes)
    for page in query(storage.client, storage.table, thread_id, bounds):
        for item in page:
            stored[keys.row_position(item[SORT]["S"])] += item[DATA]["B"]
    rows: dict[int, Digested] = {}
    for position, data in stored.items():
        what = f"the row of generation {generation} at {position}, which {user} refers to,"
        rows[position] = digested([unpack(packed) for packed in storage.codec.open(data, what)])
        if not rows[position].frames:  # whoever goes on from row to row would stay here
            raise BrokenThreadError(f"{what} has no elements")
    payloads.rows[generation].update(rows)
    storage.cache.add(thread_id, generation, rows)


def _read_blobs(storage: Storage, thread_id: str, payloads: Payloads, blobs: dict[str, tuple[int, str]]) -> None:
    names = {key: keys.parts(key, count) for key, (count, _) in blobs.items()}
    fetched = large_payloads.fetch(storage, thread_id, list(names.values()))
    for key, (_, what) in blobs.items():
        payloads.frames[key] = unpack(storage.codec.open(large_payloads.joined(fetched, names[key], what), what))
        storage.cache.add_frame(thread_id, key, payloads.frames[key])
