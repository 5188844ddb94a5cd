"""Lists as rows: what of a new list is stored already, what is new, and where the new elements go."""

import secrets
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from operator import itemgetter

from chatkeep.checkpointer.codec import DIGEST_BYTES, Frame, check, digests, size
from chatkeep.checkpointer.manifest import Piece, Ref, Rows

ROW_BYTES = 96_000  # of elements in one row, before compression, unless a single element has more
INLINE_BYTES = 1_024  # new elements up to this size wait in the header for more to come
MOST_PIECES = 8
_MERGED_AT_ONCE = 4
_FEW = 8


@dataclass(frozen=True)
class Stretch:
    """Elements `start` to `stop` of a list: within one row, or, without a `ref`, in the header or new."""

    start: int
    stop: int
    ref: Ref | None


@dataclass(frozen=True)
class KnownList:
    """What is known of a stored list: the digests of its elements, where they lie, and where its tail ends."""

    digests: bytes
    stretches: tuple[Stretch, ...]
    tail: str = ""
    end: int = 0

    def between(self, first: int, last: int, at: int) -> Iterator[Stretch]:
        """Elements `first` to `last` as stretches of a new list that has them from index `at` on."""
        position = bisect_right(self.stretches, first, key=lambda stretch: stretch.start) - 1
        while first < last:
            stretch = self.stretches[position]
            stop = min(last, stretch.stop)
            ref = stretch.ref and _part(stretch.ref, first - stretch.start, stop - stretch.start)
            yield Stretch(at, at + stop - first, ref)
            at, first, position = at + stop - first, stop, position + 1


@dataclass(frozen=True)
class Draft:
    """A row to write. A `claim` continues a generation and must not find its key taken."""

    ref: Ref
    frames: list[Frame]
    claim: bool


@dataclass(frozen=True)
class Arrangement:
    rows: Rows
    drafts: list[Draft]
    known: KnownList


def new_token() -> str:
    """A name that no other write to the thread has."""
    return secrets.token_urlsafe(8)


def arrange(
    frames: list[Frame],
    old: KnownList | None,
    others: Iterable[KnownList] = (),
    *,
    fresh: bool = False,
    inline_bytes: int = INLINE_BYTES,
) -> Arrangement:
    """How to store a list whose predecessor is `old`, reusing what the two share, or else what one of `others` has.

    With `fresh`, no row continues a generation, so that nothing written can collide with another writer.
    """
    marks = digests(frames)
    tail, end = (old.tail, old.end) if old else ("", 0)
    stretches = _compacted(list(_joined(_reused(marks, _nearest(marks, old, others)))), frames)
    drafts: list[Draft] = []
    if size([frame for new in stretches if new.ref is None for frame in frames[new.start : new.stop]]) > inline_bytes:
        for new in [stretch for stretch in stretches if stretch.ref is None]:
            elements = frames[new.start : new.stop]
            amid = new.stop < len(frames)  # in the tail, an element that changes each time would leave gaps
            placed = _placed(elements, tail, end, fresh=fresh or amid)
            if not amid:
                tail, end = placed[-1].ref.generation, placed[-1].ref.stop
            drafts += placed
        stretches = list(_written(stretches, drafts))
    pieces = pieces_of(stretches, frames)
    rows = Rows(tail, end, pieces, check(marks) if any(isinstance(piece, Ref) for piece in pieces) else b"")
    return Arrangement(rows, drafts, KnownList(marks, tuple(stretches), tail, end))


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
    if count <= _FEW:  # so that what is written to a long list need not be compared with all of it
        return sum(_mark(marks, index) in known.digests for index in range(count))
    return len(_distinct(marks) & _distinct(known.digests))


def _distinct(marks: bytes) -> set[bytes]:
    return {_mark(marks, index) for index in range(len(marks) // DIGEST_BYTES)}


def append(frames: list[Frame], old: KnownList, *, fresh: bool = False) -> tuple[list[Draft], KnownList]:
    """Rows with these elements at the end of a list, and the list with them."""
    drafts = _placed(frames, old.tail, old.end, fresh=fresh)
    at = len(old.digests) // DIGEST_BYTES
    stretches = [*old.stretches, *_written([Stretch(at, at + len(frames), None)], drafts)]
    last = drafts[-1].ref
    return drafts, KnownList(old.digests + digests(frames), tuple(stretches), last.generation, last.stop)


def pieces_of(stretches: Iterable[Stretch], frames: list[Frame]) -> tuple[Piece, ...]:
    """What a manifest says of these stretches of a list; of `frames`, those are needed that are in no row."""
    return tuple(_piece(group, frames) for group in _groups(stretches))


def located(pieces: Iterable[Piece], lengths: dict[Ref, list[Ref]], at: int = 0) -> tuple[Stretch, ...]:
    """The stretches of a list that was read, or of its end from index `at` on.

    `lengths` has the rows that each reference of a piece reached.
    """
    stretches: list[Stretch] = []
    for piece in pieces:
        for ref in lengths[piece] if isinstance(piece, Ref) else [None]:
            length = ref.stop - ref.start if ref else len(piece) if isinstance(piece, tuple) else 0
            stretches.append(Stretch(at, at + length, ref))
            at += length
    return tuple(stretches)


def _part(ref: Ref, first: int, last: int) -> Ref:
    return Ref(ref.generation, ref.row, ref.start + first, ref.start + last)


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


def _joined(stretches: Iterable[Stretch]) -> Iterator[Stretch]:
    """The same with neighbouring new elements as one stretch."""
    last: Stretch | None = None
    for stretch in stretches:
        if last and last.ref is None and stretch.ref is None:
            last = Stretch(last.start, stretch.stop, None)
            continue
        if last:
            yield last
        last = stretch
    if last:
        yield last


def _groups(stretches: Iterable[Stretch]) -> list[list[Stretch]]:
    """Stretches that make one piece of a manifest together: rows that follow one another."""
    groups: list[list[Stretch]] = []
    for stretch in stretches:
        before = groups[-1][-1].ref if groups else None
        ref = stretch.ref
        if ref and before and (before.generation, before.stop) == (ref.generation, ref.start):
            groups[-1].append(stretch)
        else:
            groups.append([stretch])
    return groups


def _compacted(stretches: list[Stretch], frames: list[Frame]) -> list[Stretch]:
    """The same in a bounded number of pieces: the smallest neighbours are written anew, as one."""
    groups = _groups(stretches)
    while len(groups) > MOST_PIECES:
        bounds = [
            (groups[i][0].start, groups[i + _MERGED_AT_ONCE - 1][-1].stop)
            for i in range(len(groups) - _MERGED_AT_ONCE + 1)
        ]
        weights = [size(frames[start:stop]) for start, stop in bounds]
        at = weights.index(min(weights))
        merged = Stretch(*bounds[at], None)
        rest = [*groups[:at], [merged], *groups[at + _MERGED_AT_ONCE :]]
        groups = _groups(_joined(stretch for group in rest for stretch in group))
    return [stretch for group in groups for stretch in group]


def _placed(frames: list[Frame], tail: str, end: int, *, fresh: bool) -> list[Draft]:
    """Rows that continue a list's tail where that may be claimed, else begin a generation."""
    claim = bool(tail) and not fresh and size(frames) <= ROW_BYTES
    return list(_drafts(frames, tail if claim else new_token(), end if claim else 0, claim=claim))


def _drafts(frames: list[Frame], generation: str, position: int, *, claim: bool) -> Iterator[Draft]:
    """Rows with these elements from `position` of the generation on."""
    first, held = 0, 0
    for at, (_, data) in enumerate(frames):
        if at > first and held + len(data) > ROW_BYTES:
            yield _draft(frames[first:at], generation, position + first, claim=claim)
            first, held = at, 0
        held += len(data)
    yield _draft(frames[first:], generation, position + first, claim=claim)


def _draft(frames: list[Frame], generation: str, position: int, *, claim: bool) -> Draft:
    return Draft(Ref(generation, position, position, position + len(frames)), frames, claim)


def _written(stretches: Iterable[Stretch], drafts: list[Draft]) -> Iterator[Stretch]:
    """The stretches, with the rows that were drafted for the new ones in order."""
    remaining = iter(drafts)
    for stretch in stretches:
        at = stretch.start
        if stretch.ref:
            yield stretch
            continue
        while at < stretch.stop:
            ref = next(remaining).ref
            yield Stretch(at, at + ref.stop - ref.start, ref)
            at += ref.stop - ref.start


def _piece(group: list[Stretch], frames: list[Frame]) -> Piece:
    first, last = group[0].ref, group[-1].ref
    if first is None or last is None:
        return tuple(frames[group[0].start : group[-1].stop])
    return Ref(first.generation, first.row, first.start, last.stop)
