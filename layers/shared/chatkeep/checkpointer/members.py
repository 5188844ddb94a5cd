"""What was staged, as members of a transaction: as few items as make the newest checkpoint whole."""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from chatkeep.checkpoint_items.requests import Item
from chatkeep.checkpointer.bundles import bundle
from chatkeep.checkpointer.committing import FREE, guard_update, stale_guard
from chatkeep.checkpointer.contents import Loaded
from chatkeep.checkpointer.marks import Marked
from chatkeep.checkpointer.planning import Plan, plan
from chatkeep.checkpointer.shelf import Writer
from chatkeep.checkpointer.snapshot import Known, Slot, Snapshot
from chatkeep.checkpointer.source import Source
from chatkeep.checkpointer.staged_writes import Staged, StagedWrites, item_bytes
from chatkeep.checkpointer.stretches import KnownList
from chatkeep.checkpointer.writes import Write, updates

_MOST_CLAIMS, _MOST_CLAIMED_BYTES = 16, 100_000  # rows that go into the transaction which makes the checkpoint visible


@dataclass(frozen=True)
class Members:
    """Collects the members of one namespace after another."""

    source: Source
    guarded: bool
    fresh: bool
    found: StagedWrites = field(default_factory=StagedWrites)
    lists: list[KnownList] = field(default_factory=list)  # of the checkpoints added, to share rows with

    def add(
        self,
        writer: Writer,
        staged: Staged,
        known: Callable[[str | None], Known | None],
        load: Callable[[str], Loaded | None],
    ) -> None:
        """What is needed of `staged`; `known` says what is known of a stored checkpoint, `load` reads it."""
        writer = replace(writer, nearby=(*self.lists, *writer.nearby))
        needed = staged.needed()
        if needed:
            parent_id = first = staged.stored_ancestor(needed[0])
            parent = known(parent_id)
            read = staged.lists_read(first)
            for snapshot in needed:
                written = staged.writes.get(parent_id or "", {}).values()
                parent = self._add_checkpoint(writer, snapshot, parent, parent_id, written, read)
                parent_id = snapshot.checkpoint_id
            if self.guarded:
                seen = stale_guard(self.source, writer, first) if self.fresh else first
                self.found.heads.append(guard_update(writer, self.source.table, needed[-1].checkpoint_id, seen))
        new = {snapshot.checkpoint_id for snapshot in needed}
        for checkpoint_id, writes in staged.writes.items():
            if checkpoint_id in new:
                self._add_bundle(writer, checkpoint_id, writes.values())
            elif checkpoint_id not in staged.snapshots:
                self._add_to_stored(writer, checkpoint_id, writes.values(), load(checkpoint_id))

    def _add_checkpoint(
        self,
        writer: Writer,
        snapshot: Snapshot,
        parent: Known | None,
        parent_id: str | None,
        written: Collection[Write],
        read: Mapping[Slot, Marked],
    ) -> Known:
        def planned(*, fresh: bool) -> Plan:
            return plan(writer, snapshot, parent, parent_id, written, read=read, fresh=fresh)

        chosen = planned(fresh=self.fresh)
        if len(chosen.claims) > _MOST_CLAIMS or sum(map(item_bytes, chosen.claims)) > _MOST_CLAIMED_BYTES:
            chosen = planned(fresh=True)
        self.found.plans.append((writer.thread_id, chosen))
        self.lists.extend(chosen.known.lists.values())
        self.found.payload.extend(self._put(item) for item in chosen.payload)
        for item in [*chosen.claims, chosen.header]:
            self.found.heads.append({"Put": {**self._put(item)["Put"], "ConditionExpression": FREE}})
        return chosen.known

    def _add_to_stored(
        self, writer: Writer, checkpoint_id: str, writes: Iterable[Write], stored: Loaded | None
    ) -> None:
        """Writes to a checkpoint which others may write to as well, as they do to one they were interrupted at."""
        there = {write.position.place: write.value for write in stored.writes} if stored else {}
        regular: list[Write] = []
        by_task: dict[str, list[Write]] = {}
        for write in writes:
            if write.position.index >= 0:
                regular += [] if write.position.place in there else [write]
            elif there.get(write.position.place) != write.value:
                by_task.setdefault(write.position.task_id, []).append(write)
        self._add_bundle(writer, checkpoint_id, regular)
        for own in by_task.values():
            for update in updates(writer, checkpoint_id, own):
                self.found.payload.extend(self._put(item) for item in update.payload)
                self.found.heads.append({"Update": update.request(self.source.table)})

    def _add_bundle(self, writer: Writer, checkpoint_id: str, writes: Collection[Write]) -> None:
        if writes:
            item, payload = bundle(writer, checkpoint_id, writes)
            self.found.payload.extend(self._put(one) for one in payload)
            self.found.heads.append(self._put(item))

    def _put(self, item: Item) -> dict[str, Any]:
        return {"Put": {"TableName": self.source.table, "Item": item}}
