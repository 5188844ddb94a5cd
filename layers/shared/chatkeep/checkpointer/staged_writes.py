"""What was staged in a namespace, and what of it becomes members of a transaction."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from chatkeep.checkpoint_items.requests import Item
from chatkeep.checkpointer.contents import Loaded
from chatkeep.checkpointer.marks import Marked
from chatkeep.checkpointer.planning import Plan
from chatkeep.checkpointer.snapshot import Slot, Snapshot
from chatkeep.checkpointer.writes import Write


@dataclass(frozen=True)
class StagedWrites:
    """Members of TransactWriteItems that store what was staged.

    `heads` make it visible and belong into the last (or only) transaction, all of them. `payload` may go there or
    into transactions before it: its keys are new, so what a dead turn leaves of it hinders nobody. `size` is their
    size in bytes, names and keys included.
    """

    payload: list[dict[str, Any]] = field(default_factory=list)
    heads: list[dict[str, Any]] = field(default_factory=list)
    plans: list[tuple[str, Plan]] = field(default_factory=list)
    """What the checkpoints among them are, with their threads."""

    @property
    def size(self) -> int:
        return sum(_bytes(member) for member in [*self.payload, *self.heads])


@dataclass
class Staged:
    """Of one namespace: snapshots and writes by checkpoint, and what was read; "" is the stored head."""

    snapshots: dict[str, Snapshot] = field(default_factory=dict)
    writes: dict[str, dict[tuple[str, int], Write]] = field(default_factory=dict)
    loaded: dict[str, Loaded | None] = field(default_factory=dict)

    def lists_read(self, checkpoint_id: str | None) -> dict[Slot, Marked]:
        """The lists of a stored checkpoint, if it was read."""
        read = self.loaded.get(checkpoint_id or "")
        return read.marked() if read else {}

    def stored_ancestor(self, snapshot: Snapshot) -> str | None:
        """The nearest ancestor that is not staged."""
        parent_id = snapshot.parent_id
        while parent_id in self.snapshots:
            parent_id = self.snapshots[parent_id].parent_id
        return parent_id

    def needed(self) -> list[Snapshot]:
        """The newest staged checkpoint and, where DeltaChannels are rebuilt from them, its staged ancestors first."""
        if not self.snapshots:
            return []
        chain = [self.snapshots[max(self.snapshots)]]
        if chain[0].delta_pending:
            while chain[0].parent_id in self.snapshots:
                chain.insert(0, self.snapshots[chain[0].parent_id])
        return chain


def merge(writes: dict[tuple[str, int], Write], more: Iterable[Write]) -> None:
    """Add pending writes: of a regular one the first stays, of a special one the last."""
    for write in more:
        if write.position.index < 0:
            writes[write.position.place] = write
        else:
            writes.setdefault(write.position.place, write)


def _bytes(member: dict[str, Any]) -> int:
    (operation,) = member.values()
    found = operation.get("Item") or {**operation["Key"], **operation.get("ExpressionAttributeValues", {})}
    return item_bytes(found)


def item_bytes(item: Item) -> int:
    return sum(len(name.encode()) + _length(next(iter(value.values()))) for name, value in item.items())


def _length(value: Any) -> int:
    return len(value.encode() if isinstance(value, str) else value)
