"""Reading what headers refer to: rows by range, other payloads by key, side by side, each checked."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field
from typing import Any

from chatkeep.checkpoint_items import keys
from chatkeep.checkpoint_items.requests import get_all, query
from chatkeep.checkpoint_items.table import SORT
from chatkeep.checkpointer.codec import Codec, Frame, digests, unpack
from chatkeep.checkpointer.heads import Found
from chatkeep.checkpointer.manifest import Blob, Entry, Header, Inline, Ref, Rows, unpacked_header
from chatkeep.checkpointer.planning import DATA, PAYLOAD, PRUNED
from chatkeep.checkpointer.rows import KnownList, located
from chatkeep.checkpointer.side_by_side import side_by_side
from chatkeep.checkpointer.snapshot import Elements, Single, Value
from chatkeep.checkpointer.writes import Outside, Write, read
from chatkeep.errors import BrokenThreadError

_GAP = 64  # elements between two stretches of a generation that are cheaper to read along than to ask apart

Path = tuple[str, str, str]  # namespace, channel, generation


@dataclass(frozen=True)
class Loaded:
    """A checkpoint with all that it refers to, still serialized."""

    header: Header
    values: dict[str, Value]
    lists: dict[str, KnownList]
    writes: list[Write]


@dataclass(frozen=True)
class Source:
    """Where contents are read from."""

    client: Any
    table: str
    codec: Codec
    pool: Callable[[], Executor]


@dataclass
class Contents:
    """Payloads that were read: elements by generation and row, other frames by key."""

    thread_id: str
    rows: dict[Path, dict[int, list[Frame]]] = field(default_factory=lambda: defaultdict(dict))
    frames: dict[str, Frame] = field(default_factory=dict)

    def value(self, header: Header, channel: str, entry: Entry) -> tuple[Value, KnownList | None]:
        """A channel's value and, of a list, what a writer has to know. Raises BrokenThreadError."""
        delta = entry.snapshot_of is not None
        stored = entry.stored
        if isinstance(stored, Inline):
            return Single(stored.frame, delta), None
        if isinstance(stored, Blob):
            return Single(self.frames[keys.value(header.namespace, channel, stored.token)], delta), None
        frames: list[Frame] = []
        reached: dict[Ref, list[Ref]] = {}
        for piece in stored.pieces:
            if isinstance(piece, Ref):
                reached[piece] = list(self._reach(header, channel, piece, frames))
            else:
                frames += piece
        return Elements(frames, delta), KnownList(digests(frames), located(stored.pieces, reached))

    def _reach(self, header: Header, channel: str, ref: Ref, frames: list[Frame]) -> Iterator[Ref]:
        rows = self.rows[header.namespace, channel, ref.generation]
        row, at = ref.row, ref.start
        while at < ref.stop:
            if row not in rows:
                raise BrokenThreadError(
                    f"{_where(self.thread_id, header, channel)} lacks the row of generation {ref.generation} at {row}"
                )
            end = row + len(rows[row])
            frames += rows[row][at - row : ref.stop - row]
            yield Ref(ref.generation, row, at, min(end, ref.stop))
            row, at = end, end


def headers(source: Source, thread_id: str, found: Sequence[Found]) -> list[Header]:
    """The headers as they were written. Raises BrokenThreadError."""
    outside = {f.item[SORT]["S"]: _oversize_keys(f) for f in found if PAYLOAD in f.item}
    fetched = _fetch(source, thread_id, list(outside.values()))
    result = []
    for f in found:
        what = f"the header of checkpoint {f.checkpoint_id} of thread {thread_id}"
        names = outside.get(f.item[SORT]["S"])
        data = _joined(fetched, names, what) if names else f.item[DATA]["B"]
        packed = source.codec.open(data, what)
        result.append(unpacked_header(f.checkpoint_id, packed, pruned=PRUNED in f.item))
    return result


def load(source: Source, thread_id: str, found: Sequence[Found], channels: Iterable[str] | None = None) -> list[Loaded]:
    """Checkpoints with their writes and their values (of `channels` only, if given); what they share is read once.

    Raises BrokenThreadError naming what is missing or damaged.
    """
    wanted = None if channels is None else set(channels)
    opened = headers(source, thread_id, found)
    entries = [(h, c, e) for h in opened for c, e in h.entries.items() if wanted is None or c in wanted]
    writes = [[write for item in f.writes for write in read(source.codec, item)] for f in found]
    outside = [(h, w) for h, own in zip(opened, writes, strict=True) for w in own if isinstance(w, Outside)]
    contents = fetch(source, thread_id, entries, outside)
    return [_loaded(contents, header, own, wanted) for header, own in zip(opened, writes, strict=True)]


def _loaded(contents: Contents, header: Header, writes: list[Write | Outside], wanted: set[str] | None) -> Loaded:
    values: dict[str, Value] = {}
    lists: dict[str, KnownList] = {}
    for channel, entry in header.entries.items():
        if wanted is None or channel in wanted:
            values[channel], known = contents.value(header, channel, entry)
            if known:
                lists[channel] = known
    return Loaded(header, values, lists, sorted(resolved(contents, header, writes), key=lambda write: write.order))


def resolved(contents: Contents, header: Header, writes: Iterable[Write | Outside]) -> Iterator[Write]:
    """The writes with the values that lie in items of their own."""
    for write in writes:
        if isinstance(write, Outside):
            yield write.filled(contents.frames[keys.oversize(header.namespace, header.checkpoint_id, write.token)])
        else:
            yield write


def fetch(
    source: Source,
    thread_id: str,
    entries: Iterable[tuple[Header, str, Entry]],
    outside: Iterable[tuple[Header, Outside]] = (),
) -> Contents:
    """Read what these entries and writes refer to, each request beside the others. Raises BrokenThreadError."""
    contents = Contents(thread_id)
    blobs: dict[str, tuple[int, str]] = {}
    ranges: dict[Path, list[Ref]] = defaultdict(list)
    for header, channel, entry in entries:
        where = _where(thread_id, header, channel)
        if isinstance(entry.stored, Blob):
            blobs[keys.value(header.namespace, channel, entry.stored.token)] = (entry.stored.parts, where)
        elif isinstance(entry.stored, Rows):
            for piece in entry.stored.pieces:
                if isinstance(piece, Ref):
                    ranges[header.namespace, channel, piece.generation].append(piece)
    for header, write in outside:
        where = f"write {write.write.index} of task {write.write.task_id}"
        blobs[keys.oversize(header.namespace, header.checkpoint_id, write.token)] = (write.parts, where)
    jobs: list[Callable[[], None]] = [
        lambda path=path, span=span: _read_rows(source, contents, path, span)  # type: ignore[misc]
        for path, refs in ranges.items()
        for span in _spans(refs)
    ]
    if blobs:
        jobs.append(lambda: _read_blobs(source, contents, blobs))
    side_by_side(source.pool, jobs)
    return contents


def _spans(refs: list[Ref]) -> list[tuple[int, int]]:
    """Ranges of positions that hold the references, neighbouring ones together."""
    spans: list[tuple[int, int]] = []
    for first, stop in sorted((ref.row, ref.stop) for ref in refs):
        if spans and first <= spans[-1][1] + _GAP:
            spans[-1] = (spans[-1][0], max(stop, spans[-1][1]))
        else:
            spans.append((first, stop))
    return spans


def _read_rows(source: Source, contents: Contents, path: Path, span: tuple[int, int]) -> None:
    first, last = keys.row(*path, span[0]), keys.after(keys.row(*path, span[1] - 1))
    stored: dict[int, bytes] = defaultdict(bytes)
    for page in query(source.client, source.table, contents.thread_id, (first, last)):
        for item in page:
            stored[int(item[SORT]["S"].split(keys.SEPARATOR)[4])] += item[DATA]["B"]
    for position, data in stored.items():
        what = f"the row at {position} of channel {path[1]} of thread {contents.thread_id}"
        contents.rows[path][position] = [unpack(packed) for packed in source.codec.open(data, what)]


def _read_blobs(source: Source, contents: Contents, blobs: dict[str, tuple[int, str]]) -> None:
    names = {key: keys.parts(key, count) for key, (count, _) in blobs.items()}
    fetched = _fetch(source, contents.thread_id, list(names.values()))
    for key, (_, what) in blobs.items():
        contents.frames[key] = unpack(source.codec.open(_joined(fetched, names[key], what), what))


def _oversize_keys(found: Found) -> list[str]:
    token, count = found.item[PAYLOAD]["S"].split(keys.SEPARATOR)
    namespace = found.item[SORT]["S"].split(keys.SEPARATOR)[1]
    own = keys.join(keys.OVERSIZE, namespace, keys.escape(found.checkpoint_id), token)
    return keys.parts(own, int(count))


def _fetch(source: Source, thread_id: str, names: list[list[str]]) -> dict[str, bytes]:
    wanted = [name for own in names for name in own]
    items = get_all(source.client, source.table, thread_id, wanted)
    return {name: item[DATA]["B"] for name, item in items.items()}


def _joined(fetched: dict[str, bytes], names: list[str], what: str) -> bytes:
    missing = [name for name in names if name not in fetched]
    if missing:
        raise BrokenThreadError(f"{what} lacks {len(missing)} of its {len(names)} items")
    return b"".join(fetched[name] for name in names)


def _where(thread_id: str, header: Header, channel: str) -> str:
    return f"channel {channel} of checkpoint {header.checkpoint_id} of thread {thread_id}"
