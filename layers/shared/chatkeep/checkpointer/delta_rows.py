"""Rows with a DeltaChannel's writes, ahead of its next snapshot: this then costs no more than any other checkpoint."""

from array import array
from collections.abc import Iterable, Sequence

from chatkeep.checkpointer.codec import DIGEST_BYTES, Frame, check, digests, size
from chatkeep.checkpointer.lists import MOST_PIECES, KnownList, NewRow, append, joined, located
from chatkeep.checkpointer.record import StoredList, Value
from chatkeep.checkpointer.writes import Write

EARLY_BYTES = 2_400  # of elements that wait for a row of two capacity units or more
NOTHING = KnownList(b"", ())
"""The list of a channel that has had no snapshot."""


def elements(writes: Iterable[Write[Value]], channel: str) -> list[Frame]:
    """The elements that these writes, which are in order, add to a channel that is a list."""
    own = [write.value.elements for write in writes if write.channel == channel]
    return [frame for frames in own if frames for frame in frames]


def continued(
    known: KnownList, early: StoredList | None, waiting: list[Frame], *, fresh: bool
) -> tuple[list[NewRow], KnownList, StoredList | None, list[Frame]]:
    """A DeltaChannel's list with its `early` rows and the elements that wait, which go to rows when there are enough.

    Returns the new rows, the list, its early rows then, and the elements that still wait.
    """
    if size(waiting) <= EARLY_BYTES or (early and len(early.pieces) >= MOST_PIECES):
        return [], known, early, waiting
    snapshot = len(known.digests) // DIGEST_BYTES - (_length(early) if early else 0)
    rows, longer = append(waiting, known, fresh=fresh)
    return rows, longer, longer.after(snapshot).stored([]), []


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
