"""Lists as rows: where a list's elements lie, what of a new list is stored already, and where the new elements go."""

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter

from chatkeep.checkpoint_items import keys
from chatkeep.checkpointer.codec import DIGEST_BYTES, Digested, Frame, check, digests, digests_after, size
from chatkeep.checkpointer.record import Piece, Ref, StoredList

ROW_BYTES = 96_000  # of elements in one row, before compression, unless a single element has more
INLINE_BYTES = 1_024  # new elements up to this size wait in the header for more to come
MOST_PIECES = 8
_MERGED_AT_ONCE = 4
_FEW = 8
_LIST_BYTES, _STRETCH_BYTES = 500, 500  # of memory for each, its digests and rows aside


@dataclass(frozen=True, slots=True)
class Run:
    """Elements `start` to `stop` of a generation, and the positions at which the rows begin that hold them.

    One number per row, and no object: a thread has one row per turn, and several of its checkpoints are remembered.
    """

    generation: str
    start: int
    stop: int
    rows: "array[int]"

    @property
    def ref(self) -> Ref:
        return Ref(self.generation, self.rows[0], self.start, self.stop)

    def part(self, first: int, last: int) -> "Run":
        """The elements from number `first` of the run up to number `last`."""
        start, stop = self.start + first, self.start + last
        if (start, stop) == (self.start, self.stop):
            return self
        rows = self.rows[bisect_right(self.rows, start) - 1 : bisect_left(self.rows, stop)]
        return Run(self.generation, start, stop, rows)

    def with_next(self, other: "Run") -> "Run | None":
        """Both as one, where the other one goes on from this one."""
        if (self.generation, self.stop) != (other.generation, other.start):
            return None
        more = other.rows[other.rows[0] <= self.rows[-1] :]  # both may have a part of one row
        return Run(self.generation, self.start, other.stop, self.rows + more)


@dataclass(frozen=True, slots=True)
class Stretch:
    """Elements `start` to `stop` of a list, in a run or, without one, in the header or new."""

    start: int
    stop: int
    run: Run | None


@dataclass(frozen=True)
class KnownList:
    """A stored list without its elements: their digests, where they lie, and where the tail ends."""

    digests: bytes
    stretches: tuple[Stretch, ...]
    tail: str = ""
    end: int = 0

    @property
    def weight(self) -> int:
        """About the bytes that it takes in memory, though other lists share some of them."""
        runs = [stretch.run for stretch in self.stretches if stretch.run]
        rows = sum(len(run.rows) * run.rows.itemsize for run in runs)
        return _LIST_BYTES + _STRETCH_BYTES * len(self.stretches) + len(self.digests) + rows

    def stored(self, frames: Sequence[Frame]) -> StoredList:
        """The list with these elements as its header has it; only those that are in no row are needed."""
        pieces = tuple(one.run.ref if one.run else tuple(frames[one.start : one.stop]) for one in self.stretches)
        has_rows = any(one.run for one in self.stretches)
        return StoredList(self.tail, self.end, pieces, check(self.digests) if has_rows else b"")

    def after(self, first: int) -> "KnownList":
        """The same list without its first elements."""
        count = len(self.digests) // DIGEST_BYTES
        stretches = tuple(self.between(first, count, 0))
        return KnownList(self.digests[first * DIGEST_BYTES :], stretches, self.tail, self.end)

    def between(self, first: int, last: int, at: int) -> Iterator[Stretch]:
        """Elements `first` to `last` as stretches of a new list that has them from index `at` on."""
        position = bisect_right(self.stretches, first, key=lambda stretch: stretch.start) - 1
        while first < last:
            stretch = self.stretches[position]
            stop = min(last, stretch.stop)
            run = stretch.run and stretch.run.part(first - stretch.start, stop - stretch.start)
            yield Stretch(at, at + stop - first, run)
            at, first, position = at + stop - first, stop, position + 1


@dataclass(frozen=True)
class NewRow:
    """A row to write. A `claim` continues a generation and must not find its key taken."""

    ref: Ref
    frames: list[Frame]
    claim: bool


def arrange(
    frames: list[Frame],
    old: KnownList | None,
    others: Iterable[KnownList] = (),
    *,
    read: Digested | None = None,
    fresh: bool = False,
    inline_bytes: int = INLINE_BYTES,
) -> tuple[list[NewRow], KnownList]:
    """The rows that a list needs, and the list: it has elements of its predecessor `old`, or else of one of `others`.

    Elements in common with the list that was `read` are not hashed again. With `fresh`, no row continues a
    generation, so that nothing written can collide with another writer.
    """
    marks = digests_after(frames, read)
    tail, end = (old.tail, old.end) if old else ("", 0)
    stretches = _compacted(list(joined(_reused(marks, _nearest(marks, old, others)))), frames)
    rows: list[NewRow] = []
    if size([frame for new in stretches if new.run is None for frame in frames[new.start : new.stop]]) > inline_bytes:
        for at, new in enumerate(stretches):
            if new.run:
                continue
            amid = new.stop < len(frames)  # in the tail, an element that changes each time would leave gaps
            placed = _placed(frames[new.start : new.stop], tail, end, fresh=fresh or amid)
            stretches[at] = Stretch(new.start, new.stop, _run(placed))
            if not amid:
                tail, end = placed[-1].ref.generation, placed[-1].ref.stop
            rows += placed
        stretches = list(joined(stretches))
    return rows, KnownList(marks, tuple(stretches), tail, end)


def _nearest(marks: bytes, old: KnownList | None, others: Iterable[KnownList]) -> KnownList | None:
    """The predecessor, unless it has nothing of the list with these digests and another list has."""
    if old and _shared(marks, old):
        return old
    shared, nearest = max(((_shared(marks, other), other) for other in others), key=itemgetter(0), default=(0, None))
    return nearest if shared else old


def _shared(marks: bytes, known: KnownList) -> int:
    """How many elements two lists have in common, repetitions aside."""
    count = len(marks) // DIGEST_BYTES
    if marks.startswith(known.digests) or known.digests.startswith(marks):
        return min(count, len(known.digests) // DIGEST_BYTES)
    if count <= _FEW:  # so that a write to a long list need not be compared with all of it
        return sum(_mark(marks, index) in known.digests for index in range(count))
    return len(_distinct(marks) & _distinct(known.digests))


def _distinct(marks: bytes) -> set[bytes]:
    return {_mark(marks, index) for index in range(len(marks) // DIGEST_BYTES)}


def append(frames: list[Frame], old: KnownList, *, fresh: bool = False) -> tuple[list[NewRow], KnownList]:
    """Rows with these elements at the end of a list, and the list with them."""
    rows = _placed(frames, old.tail, old.end, fresh=fresh)
    at = len(old.digests) // DIGEST_BYTES
    stretches = joined([*old.stretches, Stretch(at, at + len(frames), _run(rows))])
    last = rows[-1].ref
    return rows, KnownList(old.digests + digests(frames), tuple(stretches), last.generation, last.stop)


def _mark(marks: bytes, index: int) -> bytes:
    return marks[index * DIGEST_BYTES : (index + 1) * DIGEST_BYTES]


def _reused(marks: bytes, old: KnownList | None) -> Iterator[Stretch]:
    """The list with these digests as stretches of the old one and, element by element, what is not in it."""
    count, known = len(marks) // DIGEST_BYTES, len(old.digests) // DIGEST_BYTES if old else 0
    at = 0
    if old and marks.startswith(old.digests):  # the usual case: something was appended
        yield from old.between(0, known, 0)
        at = known
        if at < count:
            yield Stretch(at, count, None)
        return
    index = {_mark(old.digests, i): i for i in reversed(range(known))} if old else {}
    while at < count:
        first = index.get(_mark(marks, at))
        if old is None or first is None:
            yield Stretch(at, at + 1, None)
            at += 1
            continue
        length = 1
        while at + length < count and _mark(marks, at + length) == _mark(old.digests, first + length):
            length += 1
        yield from old.between(first, first + length, at)
        at += length


def _compacted(stretches: list[Stretch], frames: list[Frame]) -> list[Stretch]:
    """The same in a bounded number of pieces: the smallest neighbours are written anew, as one."""
    while len(stretches) > MOST_PIECES:
        starts = range(len(stretches) - _MERGED_AT_ONCE + 1)
        bounds = [(stretches[at].start, stretches[at + _MERGED_AT_ONCE - 1].stop) for at in starts]
        weights = [size(frames[start:stop]) for start, stop in bounds]
        at = weights.index(min(weights))
        merged = Stretch(*bounds[at], None)
        stretches = list(joined([*stretches[:at], merged, *stretches[at + _MERGED_AT_ONCE :]]))
    return stretches


def _placed(frames: list[Frame], tail: str, end: int, *, fresh: bool) -> list[NewRow]:
    """Rows that continue a list's tail where that may be claimed, else begin a generation."""
    claim = bool(tail) and not fresh and size(frames) <= ROW_BYTES
    return list(_new_rows(frames, tail if claim else keys.new_token(), end if claim else 0, claim=claim))


def _new_rows(frames: list[Frame], generation: str, position: int, *, claim: bool) -> Iterator[NewRow]:
    """Rows with these elements from `position` of the generation on."""
    first, held = 0, 0
    for at, (_, data) in enumerate(frames):
        if at > first and held + len(data) > ROW_BYTES:
            yield _new_row(frames[first:at], generation, position + first, claim=claim)
            first, held = at, 0
        held += len(data)
    yield _new_row(frames[first:], generation, position + first, claim=claim)


def _new_row(frames: list[Frame], generation: str, position: int, *, claim: bool) -> NewRow:
    return NewRow(Ref(generation, position, position, position + len(frames)), frames, claim)


def _run(rows: list[NewRow]) -> Run:
    """The run that these rows make, which continue one another."""
    first, last = rows[0].ref, rows[-1].ref
    return Run(first.generation, first.start, last.stop, array("I", [row.ref.row for row in rows]))


def joined(stretches: Iterable[Stretch]) -> Iterator[Stretch]:
    """The same with neighbours as one: those that are in no row, and runs that go on from one another."""
    last: Stretch | None = None
    for stretch in stretches:
        together = last and _together(last, stretch)
        if last and not together:
            yield last
        last = together or stretch
    if last:
        yield last


def _together(one: Stretch, other: Stretch) -> Stretch | None:
    if one.run is None and other.run is None:
        return Stretch(one.start, other.stop, None)
    run = one.run and other.run and one.run.with_next(other.run)
    return Stretch(one.start, other.stop, run) if run else None


def located(pieces: Iterable[Piece], rows: Mapping[Ref, "array[int]"], at: int = 0) -> tuple[Stretch, ...]:
    """The stretches of a list that was read, or of its end from index `at` on.

    `rows` are the positions of those that each reference reaches.
    """
    stretches: list[Stretch] = []
    for piece in pieces:
        run = Run(piece.generation, piece.start, piece.stop, rows[piece]) if isinstance(piece, Ref) else None
        length = run.stop - run.start if run else len(piece) if isinstance(piece, tuple) else 0
        stretches.append(Stretch(at, at + length, run))
        at += length
    return tuple(joined(stretches))
