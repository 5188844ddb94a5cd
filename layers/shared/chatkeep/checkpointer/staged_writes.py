"""What was staged, as members of a transaction: as few items as make the newest checkpoint whole."""

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field, replace
from typing import Any

from chatkeep.checkpoint_items.requests import Item
from chatkeep.checkpointer.committing import FREE, guard_update, stale_guard
from chatkeep.checkpointer.contents import Loaded, Source
from chatkeep.checkpointer.planning import Plan, plan
from chatkeep.checkpointer.rows import KnownList
from chatkeep.checkpointer.shelf import Writer
from chatkeep.checkpointer.snapshot import Known, Snapshot
from chatkeep.checkpointer.writes import Write, updates

_MOST_CLAIMED_BYTES = 100_000  # of rows that have to go into the transaction that makes the checkpoint visible


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
        key = (write.position.task_id, write.position.index)
        if write.position.index < 0:
            writes[key] = write
        else:
            writes.setdefault(key, write)


@dataclass(frozen=True)
class Members:
    """Collects the members of one namespace after another."""

    source: Source
    guarded: bool
    fresh: bool
    found: StagedWrites = field(default_factory=StagedWrites)
    lists: list[KnownList] = field(default_factory=list)  # of the checkpoints added, to share rows with

    def add(self, writer: Writer, staged: Staged, known: Callable[[str | None], Known | None]) -> None:
        """What is needed of `staged`; `known` says what is known of a stored checkpoint."""
        writer = replace(writer, nearby=(*self.lists, *writer.nearby))
        needed = staged.needed()
        if needed:
            parent_id = first = staged.stored_ancestor(needed[0])
            parent = known(parent_id)
            for snapshot in needed:
                written = staged.writes.get(parent_id or "", {}).values()
                parent = self._add_checkpoint(writer, snapshot, parent, parent_id, written)
                parent_id = snapshot.checkpoint_id
            if self.guarded:
                seen = stale_guard(self.source, writer, first) if self.fresh else first
                self.found.heads.append(guard_update(writer, self.source.table, needed[-1].checkpoint_id, seen))
        new = {snapshot.checkpoint_id for snapshot in needed}
        for checkpoint_id, writes in staged.writes.items():
            if checkpoint_id in new or checkpoint_id not in staged.snapshots:
                self._add_writes(writer, checkpoint_id, list(writes.values()), new=checkpoint_id in new)

    def _add_checkpoint(
        self,
        writer: Writer,
        snapshot: Snapshot,
        parent: Known | None,
        parent_id: str | None,
        written: Collection[Write],
    ) -> Known:
        def planned(*, fresh: bool) -> Plan:
            return plan(writer, snapshot, parent, parent_id, written, fresh=fresh)

        chosen = planned(fresh=self.fresh)
        if sum(map(_item_bytes, chosen.claims)) > _MOST_CLAIMED_BYTES:
            chosen = planned(fresh=True)
        self.found.plans.append((writer.thread_id, chosen))
        self.lists.extend(chosen.known.lists.values())
        self.found.payload.extend(self._put(item) for item in chosen.payload)
        for item in [*chosen.claims, chosen.header]:
            self.found.heads.append({"Put": {**self._put(item)["Put"], "ConditionExpression": FREE}})
        return chosen.known

    def _add_writes(self, writer: Writer, checkpoint_id: str, writes: list[Write], *, new: bool) -> None:
        by_task: dict[str, list[Write]] = {}
        for write in writes:
            by_task.setdefault(write.position.task_id, []).append(write)
        for own in by_task.values():
            for update in updates(writer, checkpoint_id, own):
                self.found.payload.extend(self._put(item) for item in update.payload)
                whole = self._put(update.item())
                self.found.heads.append(whole if new else {"Update": update.request(self.source.table)})

    def _put(self, item: Item) -> dict[str, Any]:
        return {"Put": {"TableName": self.source.table, "Item": item}}


def _bytes(member: dict[str, Any]) -> int:
    (operation,) = member.values()
    found = operation.get("Item") or {**operation["Key"], **operation.get("ExpressionAttributeValues", {})}
    return _item_bytes(found)


def _item_bytes(item: Item) -> int:
    return sum(len(name.encode()) + _length(next(iter(value.values()))) for name, value in item.items())


def _length(value: Any) -> int:
    return len(value.encode() if isinstance(value, str) else value)
