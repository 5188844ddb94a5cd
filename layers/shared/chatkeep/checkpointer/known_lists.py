"""Where the elements of a list lie: runs of rows that follow one another, and stretches that are in no row."""

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from chatkeep.checkpointer.codec import Frame
from chatkeep.checkpointer.header import Piece, Ref

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

    def between(self, first: int, last: int, at: int) -> Iterator[Stretch]:
        """Elements `first` to `last` as stretches of a new list that has them from index `at` on."""
        position = bisect_right(self.stretches, first, key=lambda stretch: stretch.start) - 1
        while first < last:
            stretch = self.stretches[position]
            stop = min(last, stretch.stop)
            run = stretch.run and stretch.run.part(first - stretch.start, stop - stretch.start)
            yield Stretch(at, at + stop - first, run)
            at, first, position = at + stop - first, stop, position + 1


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


def pieces_of(stretches: Iterable[Stretch], frames: Sequence[Frame]) -> tuple[Piece, ...]:
    """These stretches of a list as its header has them; of `frames`, those are needed that are in no row."""
    return tuple(one.run.ref if one.run else tuple(frames[one.start : one.stop]) for one in stretches)


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
