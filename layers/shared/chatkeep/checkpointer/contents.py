"""Reading what headers refer to: rows by range, other payloads by key, side by side, each checked."""

from array import array
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

from chatkeep.checkpoint_items import keys
from chatkeep.checkpoint_items.requests import query
from chatkeep.checkpoint_items.table import DATA, PRUNED, SORT
from chatkeep.checkpointer import oversize
from chatkeep.checkpointer.codec import DIGEST_BYTES, Frame, check, digests, unpack
from chatkeep.checkpointer.heads import Found
from chatkeep.checkpointer.manifest import (
    Blob,
    Entry,
    Header,
    Inline,
    Ref,
    Rows,
    Stored,
    refs_in,
    rows_in,
    unpacked_header,
    whole,
)
from chatkeep.checkpointer.marks import Marked, marked
from chatkeep.checkpointer.outline import Path
from chatkeep.checkpointer.pending import stored_writes
from chatkeep.checkpointer.side_by_side import side_by_side
from chatkeep.checkpointer.snapshot import Elements, Outline, Single, Slot, Value, frames_in
from chatkeep.checkpointer.source import Source
from chatkeep.checkpointer.stretches import KnownList, located
from chatkeep.checkpointer.writes import StoredWrite, Write
from chatkeep.errors import BrokenThreadError

_GAP = 64  # elements between two stretches of a generation that are cheaper to read along than to ask apart


@dataclass(frozen=True)
class Loaded:
    """A checkpoint with all that it refers to, still serialized."""

    header: Header
    values: dict[str, Value]
    lists: dict[Slot, KnownList]
    writes: list[Write]

    def marked(self) -> dict[Slot, Marked]:
        """Its lists with their digests."""
        return {
            (channel, path): Marked(frames, self.lists[channel, path].digests)
            for channel, value in self.values.items()
            for path, frames in frames_in(value).items()
            if (channel, path) in self.lists
        }


@dataclass(frozen=True)
class Wanted:
    """A stored value to read: `folder` begins the keys of its blobs, `where` names it in an error."""

    stored: Stored
    folder: str
    where: str

    @property
    def blob(self) -> tuple[str, Blob] | None:
        """What of it lies in items of its own, and its key."""
        found = whole(self.stored)
        return (keys.join(self.folder, found.token), found) if isinstance(found, Blob) else None


def wanted_entry(thread_id: str, header: Header, channel: str, entry: Entry) -> Wanted:
    where = f"channel {channel} of checkpoint {header.checkpoint_id} of thread {thread_id}"
    return Wanted(entry.stored, keys.values(header.namespace, channel), where)


def wanted_write(thread_id: str, header: Header, write: StoredWrite) -> Wanted:
    at = write.position
    where = f"write {at.index} of task {at.task_id} to {at.channel} of thread {thread_id}"
    return Wanted(write.stored, keys.oversize(header.namespace, header.checkpoint_id), where)


@dataclass
class Contents:
    """Payloads that were read: elements by generation and row, other frames by key.

    Where some of them are from a cache, `again` reads a value anew: its rows may have been written again since.
    """

    rows: dict[str, dict[int, Marked]] = field(default_factory=lambda: defaultdict(dict))
    frames: dict[str, Frame] = field(default_factory=dict)
    again: Callable[[Wanted], "Contents"] | None = None

    def value(self, wanted: Wanted, *, delta: bool = False) -> tuple[Value, dict[Path, KnownList]]:
        """A value and, of the lists in it, what a writer has to know. Raises BrokenThreadError."""
        try:
            return self._value(wanted, delta=delta)
        except BrokenThreadError:
            if self.again is None:
                raise
        return self.again(wanted)._value(wanted, delta=delta)

    def _value(self, wanted: Wanted, *, delta: bool) -> tuple[Value, dict[Path, KnownList]]:
        lists, known = {}, {}
        for path, rows in rows_in(wanted.stored).items():
            lists[path], known[path] = self._list(wanted, rows)
        if isinstance(wanted.stored, Rows):
            return Elements(lists[()], delta), known
        inline, blob = whole(wanted.stored), wanted.blob
        frame = inline.frame if isinstance(inline, Inline) else self.frames[blob[0]] if blob else None
        assert frame
        return (Outline(frame, lists, delta) if lists else Single(frame, delta)), known

    def _list(self, wanted: Wanted, stored: Rows) -> tuple[list[Frame], KnownList]:
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

    def write(self, thread_id: str, header: Header, write: StoredWrite) -> Write:
        """A pending write with its value. Raises BrokenThreadError."""
        return Write(write.position, self.value(wanted_write(thread_id, header, write))[0])


def headers(source: Source, thread_id: str, found: Sequence[Found]) -> list[Header]:
    """The headers as they were written. Raises BrokenThreadError."""
    named = [(f.item, f"the header of checkpoint {f.checkpoint_id} of thread {thread_id}") for f in found]
    result = []
    for f, (_, what), data in zip(found, named, oversize.sealed(source, thread_id, named), strict=True):
        packed = source.codec.open(data, what)
        result.append(unpacked_header(f.checkpoint_id, packed, pruned=PRUNED in f.item))
    return result


def load(source: Source, thread_id: str, found: Sequence[Found], channels: Iterable[str] | None = None) -> list[Loaded]:
    """Checkpoints with their writes and their values (of `channels` only, if given); what they share is read once.

    Raises BrokenThreadError naming what is missing or damaged.
    """
    kept = None if channels is None else set(channels)
    opened = headers(source, thread_id, found)
    writes = stored_writes(source, thread_id, found)
    wanted = [
        wanted_entry(thread_id, header, channel, entry)
        for header in opened
        for channel, entry in header.entries.items()
        if kept is None or channel in kept
    ]
    wanted += [wanted_write(thread_id, header, w) for header, own in zip(opened, writes, strict=True) for w in own]
    contents = fetch(source, thread_id, wanted)
    return [_loaded(contents, thread_id, h, own, kept) for h, own in zip(opened, writes, strict=True)]


def _loaded(
    contents: Contents, thread_id: str, header: Header, writes: list[StoredWrite], kept: set[str] | None
) -> Loaded:
    values: dict[str, Value] = {}
    lists: dict[Slot, KnownList] = {}
    for channel, entry in header.entries.items():
        if kept is None or channel in kept:
            wanted = wanted_entry(thread_id, header, channel, entry)
            values[channel], known = contents.value(wanted, delta=entry.snapshot_of is not None)
            lists.update(((channel, path), found) for path, found in known.items())
    ordered = sorted(writes, key=lambda write: write.position.order)
    return Loaded(header, values, lists, [contents.write(thread_id, header, write) for write in ordered])


def fetch(source: Source, thread_id: str, wanted: Sequence[Wanted], *, anew: bool = False) -> Contents:
    """Get what these values refer to, each request beside the others; `anew` without the cache.

    Raises BrokenThreadError.
    """
    contents = Contents()
    if not anew:
        _take_cached(source, thread_id, contents, wanted)
    blobs: dict[str, tuple[int, str]] = {}
    ranges: dict[str, list[Ref]] = defaultdict(list)
    users: dict[str, str] = {}
    for one in wanted:
        if one.blob and one.blob[0] not in contents.frames:
            blobs[one.blob[0]] = (one.blob[1].parts, one.where)
        for ref in refs_in(one.stored):
            if missing := _missing(ref, contents.rows[ref.generation]):
                ranges[ref.generation].append(missing)
                users.setdefault(ref.generation, one.where)
    jobs: list[Callable[[], None]] = [
        partial(_read_rows, source, thread_id, contents, generation, span, users[generation])
        for generation, refs in ranges.items()
        for span in _spans(refs)
    ]
    if blobs:
        jobs.append(partial(_read_blobs, source, thread_id, contents, blobs))
    side_by_side(source.pool, jobs)
    return contents


def _take_cached(source: Source, thread_id: str, contents: Contents, wanted: Iterable[Wanted]) -> None:
    for one in wanted:
        if one.blob and (frame := source.cache.frame(thread_id, one.blob[0])):
            contents.frames[one.blob[0]] = frame
    for generation in {ref.generation for one in wanted for ref in refs_in(one.stored)}:
        if cached := source.cache.rows(thread_id, generation):
            contents.rows[generation] = cached
            contents.again = partial(_read_again, source, thread_id)


def _read_again(source: Source, thread_id: str, wanted: Wanted) -> Contents:
    source.cache.forget(thread_id)
    return fetch(source, thread_id, [wanted], anew=True)


def _missing(ref: Ref, rows: Mapping[int, Marked]) -> Ref | None:
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
    source: Source, thread_id: str, contents: Contents, generation: str, span: tuple[int, int], user: str
) -> None:
    bounds = keys.row(generation, span[0]), keys.after(keys.row(generation, span[1] - 1))
    stored: dict[int, bytes] = defaultdict(bytes)
    for page in query(source.client, source.table, thread_id, bounds):
        for item in page:
            stored[keys.row_position(item[SORT]["S"])] += item[DATA]["B"]
    rows: dict[int, Marked] = {}
    for position, data in stored.items():
        what = f"the row of generation {generation} at {position}, which {user} refers to,"
        rows[position] = marked([unpack(packed) for packed in source.codec.open(data, what)])
    contents.rows[generation].update(rows)
    source.cache.add(thread_id, generation, rows)


def _read_blobs(source: Source, thread_id: str, contents: Contents, blobs: dict[str, tuple[int, str]]) -> None:
    names = {key: keys.parts(key, count) for key, (count, _) in blobs.items()}
    fetched = oversize.fetch(source, thread_id, list(names.values()))
    for key, (_, what) in blobs.items():
        contents.frames[key] = unpack(source.codec.open(oversize.joined(fetched, names[key], what), what))
        source.cache.add_frame(thread_id, key, contents.frames[key])
