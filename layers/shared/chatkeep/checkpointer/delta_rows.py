"""Rows with a DeltaChannel's writes, ahead of its next snapshot: this then costs no more than any other checkpoint."""

from array import array
from collections.abc import Iterable, Sequence

from chatkeep.checkpointer.checkpoint import KnownCheckpoint
from chatkeep.checkpointer.codec import DIGEST_BYTES, Frame, check, digests, size
from chatkeep.checkpointer.lists import MOST_PIECES, Arrangement, KnownList, append, joined, located, pieces_of
from chatkeep.checkpointer.record import StoredList, Value
from chatkeep.checkpointer.writes import Write

EARLY_BYTES = 2_400  # of elements that wait for a row of two capacity units or more
NOTHING = KnownList(b"", ())
"""The list of a channel that has had no snapshot."""
_NO_ROWS = StoredList("", 0, ())


def elements(writes: Iterable[Write[Value]], channel: str) -> list[Frame]:
    """The elements that these writes, which are in order, add to a channel that is a list."""
    own = [write.value.elements for write in writes if write.channel == channel]
    return [frame for frames in own if frames for frame in frames]


def continued(
    channel: str, parent: KnownCheckpoint | None, writes: Sequence[Write[Value]], *, fresh: bool
) -> tuple[Arrangement, list[Frame]] | None:
    """A DeltaChannel's list after a parent that has these writes, in order, and the elements that are in no row.

    The elements wait, or go to rows when there are enough. None where nobody has read those that wait at the parent.
    """
    before = parent.header.delta_rows.get(channel) if parent else None
    known = parent.lists.get((channel, ()), NOTHING) if parent else NOTHING
    waited = _waited(channel, parent)
    if waited is None:
        return None
    waiting = [*waited, *elements(writes, channel)]
    if size(waiting) <= EARLY_BYTES or (before and len(before.pieces) >= MOST_PIECES):
        return Arrangement(before or _NO_ROWS, [], known), waiting
    first = len(known.digests) // DIGEST_BYTES - (_length(before) if before else 0)  # after the snapshot's elements
    rows, longer = append(waiting, known, fresh=fresh)
    pieces = pieces_of(longer.between(first, len(longer.digests) // DIGEST_BYTES, 0), [])
    stored = StoredList(longer.tail, longer.end, pieces, check(longer.digests[first * DIGEST_BYTES :]))
    return Arrangement(stored, rows, longer), []


def _waited(channel: str, parent: KnownCheckpoint | None) -> list[Frame] | None:
    """The elements waiting at the parent; None where nobody has read the history, or it cannot be told."""
    if parent is None or channel not in parent.versions:
        return []
    if channel in parent.header.entries:
        return []
    return parent.waiting.get(channel)


def recall(early: StoredList | None, seed: KnownList, written: Sequence[Frame]) -> tuple[KnownList, list[Frame]] | None:
    """The list with its early rows, and the elements that wait, from all elements written since the snapshot `seed`.

    None where the rows hold anything else, such as these elements in another order.
    """
    if early is None:
        return seed, list(written)
    count = _length(early)
    found = digests(written[:count])
    if check(found) != early.check:
        return None
    at = len(seed.digests) // DIGEST_BYTES
    stretches = located(early.pieces, {ref: array("I", [ref.row]) for ref in early.refs}, at)
    together = tuple(joined([*seed.stretches, *stretches]))
    known = KnownList(seed.digests + found, together, early.tail, early.end)
    return known, list(written[count:])


def _length(early: StoredList) -> int:
    return sum(ref.stop - ref.start for ref in early.refs)
