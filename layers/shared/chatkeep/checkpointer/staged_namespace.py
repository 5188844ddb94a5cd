"""A namespace's checkpoints and pending writes that are in memory only, over those that are stored."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace

from chatkeep.checkpointer.checkpoint import LoadedCheckpoint, NewCheckpoint, Slot
from chatkeep.checkpointer.codec import Digested
from chatkeep.checkpointer.record import Header, Value
from chatkeep.checkpointer.writes import Write
from chatkeep.errors import BrokenThreadError


@dataclass
class StagedNamespace:
    """Checkpoints by id, writes by the checkpoint's id, and the checkpoints that were read.

    Of these, "" is the one to go on from: the stored head, or an older one where `head` names the head.
    """

    checkpoints: dict[str, NewCheckpoint] = field(default_factory=dict)
    writes: dict[str, dict[tuple[str, int], Write[Value]]] = field(default_factory=dict)
    loaded: dict[str, LoadedCheckpoint | None] = field(default_factory=dict)
    head: str | None = None

    def find(self, checkpoint_id: str | None) -> NewCheckpoint | None:
        """A staged checkpoint, or the newest one."""
        return self.checkpoints.get(checkpoint_id or max(self.checkpoints, default=""))

    def stored_ancestor(self, new: NewCheckpoint) -> str | None:
        """The nearest ancestor that is not staged. Raises BrokenThreadError."""
        *_, oldest = self._line(new)
        return oldest.parent_id

    def needed(self) -> list[NewCheckpoint]:
        """The newest staged checkpoint and, where DeltaChannels are rebuilt from them, its staged ancestors first."""
        if not self.checkpoints:
            return []
        newest = self.checkpoints[max(self.checkpoints)]
        return list(self._line(newest))[::-1] if newest.delta_pending else [newest]

    def _line(self, new: NewCheckpoint) -> Iterator[NewCheckpoint]:
        """A staged checkpoint and its staged ancestors, newest first. Raises BrokenThreadError for a circle of them."""
        seen: set[str] = set()
        one: NewCheckpoint | None = new
        while one:
            if one.checkpoint_id in seen:
                raise BrokenThreadError(f"checkpoint {one.checkpoint_id} is its own ancestor")
            seen.add(one.checkpoint_id)
            yield one
            one = self.checkpoints.get(one.parent_id or "")

    def lists_read(self, checkpoint_id: str | None) -> dict[Slot, Digested]:
        """The lists of a stored checkpoint, if it was read."""
        read = self.loaded.get(checkpoint_id or "")
        return read.digested() if read else {}

    def add_writes(self, checkpoint_id: str, writes: Iterable[Write[Value]]) -> None:
        _add(self.writes.setdefault(checkpoint_id, {}), writes)

    def as_read(self, namespace: str, new: NewCheckpoint, ancestor: LoadedCheckpoint | None) -> LoadedCheckpoint:
        """A staged checkpoint as if it had been read; `ancestor` has the values that it carries on."""
        values = dict(new.changed)
        if ancestor:
            values.update((channel, ancestor.values[channel]) for channel in new.carried)
        header = Header(namespace, new.checkpoint_id, new.parent_id, new.frame)
        return self.with_writes(LoadedCheckpoint(header, values, {}, []))

    def with_writes(self, loaded: LoadedCheckpoint) -> LoadedCheckpoint:
        """A checkpoint with the writes that were staged for it besides its own."""
        own = self.writes.get(loaded.header.checkpoint_id)
        if not own:
            return loaded
        together = {write.place: write for write in loaded.writes}
        _add(together, own.values())
        return replace(loaded, writes=sorted(together.values(), key=lambda write: write.order))


def _add(writes: dict[tuple[str, int], Write[Value]], more: Iterable[Write[Value]]) -> None:
    """Add pending writes: of a regular one the first stays, of a special one the last."""
    for write in more:
        if write.index < 0:
            writes[write.place] = write
        else:
            writes.setdefault(write.place, write)
