"""Reading the payloads that headers and writes refer to: rows by range, others by key, side by side, each checked."""

from array import array
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

from chatkeep.checkpoint_items import keys
from chatkeep.checkpoint_items.requests import query, side_by_side
from chatkeep.checkpoint_items.table import DATA, SORT
from chatkeep.checkpointer import large_payloads
from chatkeep.checkpointer.codec import DIGEST_BYTES, Digested, Frame, Path, check, digested, digests, unpack
from chatkeep.checkpointer.header import Blob, Header, Ref, Stored, StoredList
from chatkeep.checkpointer.known_lists import KnownList, located
from chatkeep.checkpointer.storage import Storage
from chatkeep.checkpointer.values import Value
from chatkeep.checkpointer.writes import Write
from chatkeep.errors import BrokenThreadError

_GAP = 64  # elements between two stretches of a generation that are cheaper to read along than to ask apart


@dataclass(frozen=True)
class Wanted:
    """A stored value to read: `folder` begins the keys of its blobs, `where` names it in an error."""

    stored: Stored
    folder: str
    where: str

    @property
    def blob(self) -> tuple[str, Blob] | None:
        """Its rest, where this lies in items of its own, and the key."""
        rest = self.stored.rest
        return (keys.join(self.folder, rest.token), rest) if isinstance(rest, Blob) else None


def wanted_entry(thread_id: str, header: Header, channel: str, entry: Stored) -> Wanted:
    where = f"channel {channel} of checkpoint {header.checkpoint_id} of thread {thread_id}"
    return Wanted(entry, keys.values(header.namespace, channel), where)


def wanted_write(thread_id: str, header: Header, write: Write[Stored]) -> Wanted:
    where = f"write {write.index} of task {write.task_id} to {write.channel} of thread {thread_id}"
    return Wanted(write.value, keys.oversize(header.namespace, header.checkpoint_id), where)


@dataclass
class Payloads:
    """Payloads that were read: elements by generation and row, other frames by key.

    Where some of them are from a cache, `again` reads a value anew: its rows may have been written again since.
    """

    rows: dict[str, dict[int, Digested]] = field(default_factory=lambda: defaultdict(dict))
    frames: dict[str, Frame] = field(default_factory=dict)
    again: Callable[[Wanted], "Payloads"] | None = None

    def value(self, wanted: Wanted) -> tuple[Value, dict[Path, KnownList]]:
        """A value, and its lists as a writer knows them. Raises BrokenThreadError."""
        try:
            return self._value(wanted)
        except BrokenThreadError:
            if self.again is None:
                raise
        return self.again(wanted)._value(wanted)

    def _value(self, wanted: Wanted) -> tuple[Value, dict[Path, KnownList]]:
        lists, known = {}, {}
        for path, stored in wanted.stored.lists.items():
            lists[path], known[path] = self._list(wanted, stored)
        rest = self.frames[wanted.blob[0]] if wanted.blob else wanted.stored.inline
        return Value(rest, lists, wanted.stored.snapshot_of is not None), known

    def _list(self, wanted: Wanted, stored: StoredList) -> tuple[list[Frame], KnownList]:
        frames: list[Frame] = []
        marks: list[bytes] = []
        reached: dict[Ref, array[int]] = {}
        for piece in stored.pieces:
            if isinstance(piece, Ref):
                reached[piece] = self._reach(wanted, piece, frames, marks)
            else:
                frames += piece
                marks.append(digests(piece))
        together = b"".join(marks)
        if reached and check(together) != stored.check:
            raise BrokenThreadError(f"{wanted.where} has rows that hold something else")
        return frames, KnownList(together, located(stored.pieces, reached), stored.tail, stored.end)

    def _reach(self, wanted: Wanted, ref: Ref, frames: list[Frame], marks: list[bytes]) -> "array[int]":
        """The rows with the elements of a reference, which are added to the others."""
        rows, reached = self.rows[ref.generation], array("I")
        row, at = ref.row, ref.start
        while at < ref.stop:
            if row not in rows:
                raise BrokenThreadError(f"{wanted.where} lacks the row of generation {ref.generation} at {row}")
            own, digests_of_row = rows[row]
            end = row + len(own)
            if end > at:  # a reference may begin in a row after the one it names
                frames += own[at - row : ref.stop - row]
                marks.append(digests_of_row[(at - row) * DIGEST_BYTES : (ref.stop - row) * DIGEST_BYTES])
                reached.append(row)
                at = end
            row = end
        return reached

    def write(self, thread_id: str, header: Header, write: Write[Stored]) -> Write[Value]:
        """A pending write with its value. Raises BrokenThreadError."""
        return write.holding(self.value(wanted_write(thread_id, header, write))[0])


def read_payloads(storage: Storage, thread_id: str, wanted: Sequence[Wanted], *, anew: bool = False) -> Payloads:
    """Get what these values refer to, each request beside the others; `anew` without the cache.

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
            blobs[one.blob[0]] = (one.blob[1].parts, one.where)
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
    side_by_side(storage.pool, jobs)
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
    payloads.rows[generation].update(rows)
    storage.cache.add(thread_id, generation, rows)


def _read_blobs(storage: Storage, thread_id: str, payloads: Payloads, blobs: dict[str, tuple[int, str]]) -> None:
    names = {key: keys.parts(key, count) for key, (count, _) in blobs.items()}
    fetched = large_payloads.fetch(storage, thread_id, list(names.values()))
    for key, (_, what) in blobs.items():
        payloads.frames[key] = unpack(storage.codec.open(large_payloads.joined(fetched, names[key], what), what))
        storage.cache.add_frame(thread_id, key, payloads.frames[key])
