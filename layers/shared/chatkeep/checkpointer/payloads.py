"""Payloads that were fetched, and the values that they make, each checked."""

from array import array
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field

from chatkeep.checkpoint_items import keys
from chatkeep.checkpointer.codec import DIGEST_BYTES, Digested, Frame, Path, check, digests
from chatkeep.checkpointer.lists import KnownList, located
from chatkeep.checkpointer.record import Header, Ref, Stored, StoredList, Value
from chatkeep.checkpointer.writes import Write
from chatkeep.errors import BrokenThreadError


@dataclass(frozen=True)
class Wanted:
    """A stored value to read: `folder` begins the keys of its blobs, `where` names it in an error."""

    stored: Stored
    folder: str
    where: str

    @property
    def blob(self) -> tuple[str, int] | None:
        """Where its rest lies in items of its own: the key of the first one, and how many there are."""
        if self.stored.blob is None:
            return None
        token, count = self.stored.blob
        return keys.join(self.folder, token), count


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
        rest = self.frames[wanted.blob[0]] if wanted.blob else wanted.stored.rest
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
