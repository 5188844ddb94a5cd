"""Threads in one table: their checkpoints read and written, and remembered for the writes that follow."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from chatkeep.checkpoint_items.requests import FREE, Item, put_all
from chatkeep.checkpoint_items.table import DATA
from chatkeep.checkpointer import finding
from chatkeep.checkpointer.checkpoint import KnownCheckpoint, LoadedCheckpoint, NewCheckpoint
from chatkeep.checkpointer.codec import digested
from chatkeep.checkpointer.delta_history import Walk, walk_stored
from chatkeep.checkpointer.finding import CheckpointItems
from chatkeep.checkpointer.guard import put_as_head
from chatkeep.checkpointer.items import ItemMaker, Plan, plan
from chatkeep.checkpointer.memory import MOST_HELD_BYTES, RecentCheckpoints, weight_of_items
from chatkeep.checkpointer.reading import read_checkpoints
from chatkeep.checkpointer.record import Value, decode
from chatkeep.checkpointer.storage import Storage
from chatkeep.checkpointer.write_items import task_requests
from chatkeep.checkpointer.writes import Write
from chatkeep.errors import CheckpointGoneError


@dataclass(frozen=True)
class ThreadStore:
    """The threads of one table. With `guarded`, only a child of its namespace's head may be written."""

    storage: Storage
    recent: RecentCheckpoints
    guarded: bool

    def load(self, thread_id: str, namespace: str, checkpoint_id: str | None) -> LoadedCheckpoint | None:
        """A checkpoint, or the head of its namespace; remembered. Raises BrokenThreadError."""
        ancestors: Sequence[CheckpointItems] = ()
        if checkpoint_id:
            found = finding.exact(self.storage.client, self.storage.table, thread_id, namespace, checkpoint_id)
        else:
            found, ancestors = self._newest(thread_id, namespace)
        if found is None:
            if not checkpoint_id:  # no row of a thread that was deleted elsewhere may be shared
                self.recent.forget(thread_id, namespace or None)
            return None
        loaded = self._read(thread_id, namespace, found)
        if ancestors:
            self.recent.hold((thread_id, namespace), found.checkpoint_id, ancestors)
        return loaded

    def load_as_of(self, thread_id: str, namespace: str, start: str) -> LoadedCheckpoint | None:
        """A namespace as it was when the root graph was at the checkpoint `start`, or before its first one at "".

        Of a subgraph, that is the newest checkpoint before `start`. Raises CheckpointGoneError, BrokenThreadError.
        """
        if not start:
            return None
        client, table = self.storage.client, self.storage.table
        if namespace:
            found = finding.newest(client, table, thread_id, namespace, before=start)
        else:
            found = finding.exact(client, table, thread_id, namespace, start)
            if found is None:
                raise CheckpointGoneError(f"checkpoint {start} of thread {thread_id} is no longer there")
        return self._read(thread_id, namespace, found) if found else None

    def _read(self, thread_id: str, namespace: str, found: CheckpointItems) -> LoadedCheckpoint:
        loaded = read_checkpoints(self.storage, thread_id, [found])[0]
        self.recent.remember((thread_id, namespace), self._known(loaded))
        return loaded

    def _newest(self, thread_id: str, namespace: str) -> tuple[CheckpointItems | None, Sequence[CheckpointItems]]:
        """The head and, where the namespace had DeltaChannels when last seen, the history that will be asked for."""
        snapshot_id = self.recent.last_snapshot((thread_id, namespace))
        client, table = self.storage.client, self.storage.table
        found: list[CheckpointItems] = []
        for page in finding.pages(client, table, thread_id, namespace, since=snapshot_id) if snapshot_id else ():
            found += page
            if weight_of_items(found) > MOST_HELD_BYTES:
                return found[0], ()
        if found:
            return found[0], found[1:]
        return finding.newest(client, table, thread_id, namespace), ()

    def _known(self, loaded: LoadedCheckpoint) -> KnownCheckpoint:
        versions = decode(self.storage.codec, loaded.header)[0]["channel_versions"]
        return KnownCheckpoint(loaded.header, versions, loaded.lists)

    def known(self, thread_id: str, namespace: str, checkpoint_id: str | None) -> KnownCheckpoint | None:
        """A checkpoint as the parent of the next one: from memory, or else from the table."""
        if not checkpoint_id:
            return None
        if known := self.recent.get((thread_id, namespace), checkpoint_id):
            return known
        loaded = self.load(thread_id, namespace, checkpoint_id)
        return self._known(loaded) if loaded else None

    def head(self, thread_id: str, namespace: str) -> str | None:
        """The id of the newest checkpoint."""
        found = finding.newest(self.storage.client, self.storage.table, thread_id, namespace)
        return found.checkpoint_id if found else None

    def walk(self, thread_id: str, known: KnownCheckpoint, channels: Sequence[str]) -> Walk:
        """The history of these channels from a checkpoint back; its DeltaChannels' lists are remembered.

        Raises BrokenThreadError.
        """
        place = (thread_id, known.header.namespace)
        held = self.recent.release(place, known.header.checkpoint_id)
        walk = walk_stored(self.storage, thread_id, known.header, channels, held)
        self.recent.remember(place, walk.informed(known))
        return walk

    def maker(self, thread_id: str, namespace: str, task_id: str | None = None) -> ItemMaker:
        """A maker whose items share rows with the graphs around, and where they are a task's with the graphs in it."""
        nearby = self.recent.nearby((thread_id, namespace), task_id)
        lists = tuple(known_list for known in nearby for known_list in known.lists.values())
        return ItemMaker(self.storage.codec, thread_id, namespace, lists)

    def put(self, thread_id: str, namespace: str, new: NewCheckpoint, parent: KnownCheckpoint | None) -> None:
        """Store a checkpoint on top of its parent; nothing of it is visible until all of it is.

        Raises ConcurrentWriteError where the store is guarded and the parent is not the head.
        """
        maker = self.maker(thread_id, namespace)
        written = self.recent.written((thread_id, namespace), new.parent_id)
        planned = plan(maker, new, parent, new.parent_id, written)
        if not self._put_payload(planned):
            planned = plan(maker, new, parent, new.parent_id, written, fresh=True)
            self._put_payload(planned)
        if self.guarded:
            put_as_head(self.storage, maker, planned.header, new)
        else:
            self.storage.client.put_item(TableName=self.storage.table, Item=planned.header)
        self.remember(thread_id, planned)

    def _put_payload(self, planned: Plan) -> bool:
        """Put all that the header refers to; says whether each claimed key was free."""
        jobs = [partial(self._claim, item) for item in planned.claims]
        if planned.payload:
            jobs.append(partial(put_all, self.storage.client, self.storage.table, planned.payload))
        return all(self.storage.side_by_side(jobs))

    def _claim(self, item: Item) -> bool:
        """Put an item unless its key is taken; the same item there is ours, put twice."""
        client = self.storage.client
        try:
            client.put_item(
                TableName=self.storage.table,
                Item=item,
                ConditionExpression=FREE,
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
            )
        except client.exceptions.ConditionalCheckFailedException as error:
            return bool(error.response.get("Item", {}).get(DATA) == item[DATA])
        return True

    def put_writes(
        self, thread_id: str, namespace: str, checkpoint_id: str, task_id: str, writes: list[Write[Value]]
    ) -> None:
        """Store a task's pending writes, the payload of large ones first."""
        maker = self.maker(thread_id, namespace, task_id)
        requests = task_requests(maker, self.storage.table, checkpoint_id, writes)
        self.storage.side_by_side([partial(self._update, *one) for one in requests])
        self.recent.note((thread_id, namespace), checkpoint_id, writes)

    def _update(self, request: Item, payload: list[Item]) -> None:
        put_all(self.storage.client, self.storage.table, payload)
        self.storage.client.update_item(**request)

    def remember(self, thread_id: str, stored: Plan) -> None:
        """Remember a checkpoint that has just been stored, so that nobody need read it."""
        self.recent.remember((thread_id, stored.known.header.namespace), stored.known)
        for row in stored.rows:
            self.storage.cache.add(thread_id, row.ref.generation, {row.ref.row: digested(row.frames)})

    def forget(self, thread_id: str) -> None:
        self.recent.forget(thread_id)
        self.storage.cache.forget(thread_id)
