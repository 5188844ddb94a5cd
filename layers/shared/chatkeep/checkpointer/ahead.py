"""Rows written ahead of a DeltaChannel's next snapshot, so that this costs no more than any other checkpoint."""

from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from chatkeep.checkpointer.codec import DIGEST_BYTES, Frame, check, digests, size
from chatkeep.checkpointer.manifest import Rows, refs_in
from chatkeep.checkpointer.rows import MOST_PIECES, Draft, append
from chatkeep.checkpointer.shelf import Shelf
from chatkeep.checkpointer.snapshot import Elements, Known, Slot
from chatkeep.checkpointer.stretches import KnownList, joined, located, pieces_of
from chatkeep.checkpointer.writes import Write

AHEAD_BYTES = 2_400  # of elements that wait for a row of two capacity units or more
NOTHING = KnownList(b"", ())
"""The list of a channel that has had no snapshot."""


def elements(writes: Iterable[Write], channel: str) -> list[Frame]:
    """What these writes, which are in order, add to a channel that is a list."""
    own = [write.value for write in writes if write.position.channel == channel]
    return [frame for value in own if isinstance(value, Elements) for frame in value.frames]


@dataclass
class Histories:
    """The DeltaChannels that have no value in a checkpoint; `writes` are its parent's, in order."""

    shelf: Shelf
    parent: Known | None
    writes: Sequence[Write]
    ahead: dict[str, Rows] = field(default_factory=dict)
    waiting: dict[str, list[Frame]] = field(default_factory=dict)

    def go_on(self, channel: str) -> None:
        """What was written to a channel waits, or goes to rows ahead of its next snapshot."""
        before = self.parent.header.ahead.get(channel) if self.parent else None
        if before:
            self.ahead[channel] = before
        waiting = self._waiting(channel)
        if waiting is None:
            return
        self.waiting[channel] = [*waiting, *elements(self.writes, channel)]
        slot: Slot = (channel, ())
        known = self.shelf.before.get(slot, NOTHING)
        written = _write_ahead(self.waiting[channel], known, before, fresh=self.shelf.fresh)
        if written:
            drafts, known, self.ahead[channel] = written
            self.shelf.add(drafts)
            self.waiting[channel] = []
        self.shelf.known[slot] = known

    def _waiting(self, channel: str) -> list[Frame] | None:
        """What waits since the parent; None where nobody has read the history, or it cannot be told."""
        if self.parent is None or channel not in self.parent.versions:
            return []
        if channel in self.parent.header.entries:
            return []
        return self.parent.waiting.get(channel)


def _write_ahead(
    waiting: list[Frame], known: KnownList, before: Rows | None, *, fresh: bool
) -> tuple[list[Draft], KnownList, Rows] | None:
    """Rows for what waits, the list with them and what the header says of it; None while too little waits."""
    if size(waiting) <= AHEAD_BYTES or (before and len(before.pieces) >= MOST_PIECES):
        return None
    first = len(known.digests) // DIGEST_BYTES - (_length(before) if before else 0)  # after the snapshot's elements
    drafts, longer = append(waiting, known, fresh=fresh)
    pieces = pieces_of(longer.between(first, len(longer.digests) // DIGEST_BYTES, 0), [])
    return drafts, longer, Rows(longer.tail, longer.end, pieces, check(longer.digests[first * DIGEST_BYTES :]))


def recall(ahead: Rows | None, seed: KnownList, written: Sequence[Frame]) -> tuple[KnownList, list[Frame]] | None:
    """The list with the rows written ahead, and what waits, from all elements written since the snapshot `seed`.

    None where the rows hold anything else, such as these elements in another order.
    """
    if ahead is None:
        return seed, list(written)
    count = _length(ahead)
    marks = digests(written[:count])
    if check(marks) != ahead.check:
        return None
    at = len(seed.digests) // DIGEST_BYTES
    stretches = located(ahead.pieces, {ref: array("I", [ref.row]) for ref in refs_in(ahead)}, at)
    together = tuple(joined([*seed.stretches, *stretches]))
    known = KnownList(seed.digests + marks, together, ahead.tail, ahead.end)
    return known, list(written[count:])


def _length(ahead: Rows) -> int:
    return sum(ref.stop - ref.start for ref in refs_in(ahead))
