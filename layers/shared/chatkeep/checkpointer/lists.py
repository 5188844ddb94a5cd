"""Lists as rows: what of a new list is stored already, what is new, and where the new elements go."""

import secrets
from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import takewhile
from operator import eq, itemgetter

from chatkeep.checkpointer.codec import DIGEST_BYTES, Digested, Frame, check, digests, size
from chatkeep.checkpointer.header import Ref, StoredList
from chatkeep.checkpointer.known_lists import KnownList, Run, Stretch, joined, pieces_of

ROW_BYTES = 96_000  # of elements in one row, before compression, unless a single element has more
INLINE_BYTES = 1_024  # new elements up to this size wait in the header for more to come
MOST_PIECES = 8
_MERGED_AT_ONCE = 4
_FEW = 8


@dataclass(frozen=True)
class NewRow:
    """A row to write. A `claim` continues a generation and must not find its key taken."""

    ref: Ref
    frames: list[Frame]
    claim: bool


@dataclass(frozen=True)
class Arrangement:
    stored: StoredList
    rows: list[NewRow]
    known: KnownList


def new_token() -> str:
    """A name that no other write to the thread has."""
    return secrets.token_urlsafe(8)


def arrange(
    frames: list[Frame],
    old: KnownList | None,
    others: Iterable[KnownList] = (),
    *,
    read: Digested | None = None,
    fresh: bool = False,
    inline_bytes: int = INLINE_BYTES,
) -> Arrangement:
    """Arrange a list whose predecessor is `old`, reusing elements that the two share, or else those of one of `others`.

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
    pieces = pieces_of(stretches, frames)
    stored = StoredList(tail, end, pieces, check(marks) if any(isinstance(piece, Ref) for piece in pieces) else b"")
    return Arrangement(stored, rows, KnownList(marks, tuple(stretches), tail, end))


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
    return list(_new_rows(frames, tail if claim else new_token(), end if claim else 0, claim=claim))


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


def digests_after(frames: Sequence[Frame], before: Digested | None) -> bytes:
    """The digests of `frames`; those that `before` begins or ends with as well, byte for byte, are taken from there."""
    if before is None:
        return digests(frames)
    first = _common(frames, before.frames)
    most = min(len(frames), len(before.frames)) - first
    last = _common(frames[len(frames) - most :][::-1], before.frames[len(before.frames) - most :][::-1])
    between = digests(frames[first : len(frames) - last])
    end = (len(before.frames) - last) * DIGEST_BYTES
    return before.digests[: first * DIGEST_BYTES] + between + before.digests[end:]


def _common(one: Sequence[Frame], other: Sequence[Frame]) -> int:
    """How many frames two lists begin with in common."""
    return sum(takewhile(bool, map(eq, one, other)))
