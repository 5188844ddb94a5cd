"""A staged turn as members of a transaction: as few items as make the newest checkpoints whole."""

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from chatkeep.checkpoint_items.requests import FREE, Item
from chatkeep.checkpointer.checkpoint import KnownCheckpoint, LoadedCheckpoint, NewCheckpoint
from chatkeep.checkpointer.guard import guard_update, stale_guard
from chatkeep.checkpointer.items import ItemMaker, Plan, plan
from chatkeep.checkpointer.record import Value
from chatkeep.checkpointer.staged_namespace import StagedNamespace
from chatkeep.checkpointer.storage import Storage
from chatkeep.checkpointer.write_items import bundle, task_requests
from chatkeep.checkpointer.writes import Write

_MOST_CLAIMS, _MOST_CLAIMED_BYTES = 16, 100_000  # rows that go into the transaction which makes the checkpoint visible


@dataclass(frozen=True)
class StagedWrites:
    """Members of TransactWriteItems that store staged checkpoints and writes.

    `heads` make them visible and belong into the last (or only) transaction, all of them. `payload` may go there or
    into transactions before it: its keys are new, so items that a dead turn leaves hinder nobody. `size` is their
    size in bytes, names and keys included.
    """

    storage: Storage = field(repr=False)
    guarded: bool
    fresh: bool
    owner: str | None = None
    payload: list[dict[str, Any]] = field(default_factory=list)
    heads: list[dict[str, Any]] = field(default_factory=list)
    plans: list[tuple[str, Plan]] = field(default_factory=list)
    """The checkpoints among them, with their threads."""

    @property
    def size(self) -> int:
        return sum(_bytes(member) for member in [*self.payload, *self.heads])

    def add(
        self,
        maker: ItemMaker,
        staged: StagedNamespace,
        known: Callable[[str | None], KnownCheckpoint | None],
        load: Callable[[str], LoadedCheckpoint | None],
    ) -> None:
        """Add the needed part of a namespace, after that of the graphs around it, whose rows it may share.

        `known` gives a stored checkpoint as a parent, `load` reads it.
        """
        added = [known_list for _, planned in self.plans for known_list in planned.known.lists.values()]
        maker = replace(maker, nearby=(*added, *maker.nearby))
        needed = staged.needed()
        if needed:
            self._add_checkpoints(maker, staged, needed, known)
        new = {checkpoint.checkpoint_id for checkpoint in needed}
        for checkpoint_id, writes in staged.writes.items():
            if checkpoint_id in new:
                self._add_bundle(maker, checkpoint_id, writes.values())
            elif checkpoint_id not in staged.checkpoints:
                self._add_to_stored(maker, checkpoint_id, writes.values(), load(checkpoint_id))

    def _add_checkpoints(
        self,
        maker: ItemMaker,
        staged: StagedNamespace,
        needed: list[NewCheckpoint],
        known: Callable[[str | None], KnownCheckpoint | None],
    ) -> None:
        parent_id = first = staged.stored_ancestor(needed[0])
        parent = known(parent_id)
        read = staged.lists_read(first)
        head = staged.head or first
        for new in needed:
            written = staged.writes.get(parent_id or "", {}).values()
            planned = partial(plan, maker, new, parent, parent_id, written, read=read)
            parent = self._add_checkpoint(maker.thread_id, planned, fresh=self.fresh or head != first)
            parent_id = new.checkpoint_id
        if self.guarded:
            seen = stale_guard(self.storage, maker, head) if self.fresh else head
            newest = needed[-1].checkpoint_id
            self.heads.append(guard_update(maker, self.storage.table, newest, seen, self.owner))

    def _add_checkpoint(self, thread_id: str, planned: Callable[..., Plan], *, fresh: bool) -> KnownCheckpoint:
        """`fresh` where others may have taken the keys of rows that go on from the parent's."""
        chosen = planned(fresh=fresh)
        if len(chosen.claims) > _MOST_CLAIMS or sum(map(item_bytes, chosen.claims)) > _MOST_CLAIMED_BYTES:
            chosen = planned(fresh=True)
        self.plans.append((thread_id, chosen))
        self.payload.extend(self._put(item) for item in chosen.payload)
        for item in [*chosen.claims, chosen.header]:
            self.heads.append({"Put": {**self._put(item)["Put"], "ConditionExpression": FREE}})
        return chosen.known

    def _add_to_stored(
        self, maker: ItemMaker, checkpoint_id: str, writes: Iterable[Write[Value]], stored: LoadedCheckpoint | None
    ) -> None:
        """Add writes to a checkpoint which others may write to as well, as to one that they were interrupted at."""
        there = {write.place: write.value for write in stored.writes} if stored else {}
        regular: list[Write[Value]] = []
        by_task: dict[str, list[Write[Value]]] = {}
        for write in writes:
            if write.index >= 0:
                regular += [] if write.place in there else [write]
            elif there.get(write.place) != write.value:
                by_task.setdefault(write.task_id, []).append(write)
        self._add_bundle(maker, checkpoint_id, regular)
        for own in by_task.values():
            for request, payload in task_requests(maker, self.storage.table, checkpoint_id, own):
                self.payload.extend(self._put(item) for item in payload)
                self.heads.append({"Update": request})

    def _add_bundle(self, maker: ItemMaker, checkpoint_id: str, writes: Collection[Write[Value]]) -> None:
        if writes:
            item, payload = bundle(maker, checkpoint_id, writes)
            self.payload.extend(self._put(one) for one in payload)
            self.heads.append(self._put(item))

    def _put(self, item: Item) -> dict[str, Any]:
        return {"Put": {"TableName": self.storage.table, "Item": item}}


def _bytes(member: dict[str, Any]) -> int:
    (operation,) = member.values()
    found = operation.get("Item") or {**operation["Key"], **operation.get("ExpressionAttributeValues", {})}
    return item_bytes(found)


def item_bytes(item: Item) -> int:
    return sum(len(name.encode()) + _length(next(iter(value.values()))) for name, value in item.items())


def _length(value: Any) -> int:
    return len(value.encode() if isinstance(value, str) else value)
