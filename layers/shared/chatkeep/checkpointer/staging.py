"""A saver for one turn: it keeps checkpoints and writes in memory, to be committed in somebody else's transaction."""

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import (
    ChannelVersions,
    Checkpoint,
    CheckpointMetadata,
    CheckpointTuple,
    DeltaChannelHistory,
    get_serializable_checkpoint_metadata,
)

from chatkeep.checkpointer.async_twins import AsyncTwins
from chatkeep.checkpointer.codec import Codec, Mend
from chatkeep.checkpointer.contents import Loaded
from chatkeep.checkpointer.history import Walk
from chatkeep.checkpointer.manifest import Header
from chatkeep.checkpointer.members import Members
from chatkeep.checkpointer.saver import DynamoDBSaver
from chatkeep.checkpointer.snapshot import Elements, Snapshot, Value, take
from chatkeep.checkpointer.staged_writes import Staged, StagedWrites, merge
from chatkeep.checkpointer.tuples import address, checkpoint_tuple, config_of
from chatkeep.checkpointer.writes import numbered
from chatkeep.errors import BrokenThreadError

Place = tuple[str, str]  # thread, namespace
Heard = Callable[[str, CheckpointTuple | None], None]
"""Is told a namespace and the checkpoint that was asked for there, None where there is none."""


class StagedSaver(AsyncTwins):
    """Reads like the saver it comes from and sees what it was given; sends nothing.

    Each stored checkpoint is read once, so its user holds the thread's lease. `hear` is told what `get_tuple` returns.
    Safe for threads.
    """

    def __init__(self, saver: DynamoDBSaver, mend: Mend | None = None) -> None:
        super().__init__(serde=saver.serde)
        self._codec = Codec(saver.serde, mend)
        self.hear: Heard | None = None
        self._saver = saver
        self._places: dict[Place, Staged] = {}
        self._lock = threading.RLock()

    def _staged(self, thread_id: str, namespace: str) -> Staged:
        return self._places.setdefault((thread_id, namespace), Staged())

    def get_next_version(self, current: Any, channel: None) -> Any:
        return self._saver.get_next_version(current, channel)

    def get_tuple(self, config: RunnableConfig) -> CheckpointTuple | None:
        """The checkpoint of `config`, or the head of its namespace, staged or stored. Raises BrokenThreadError."""
        thread_id, namespace, checkpoint_id = address(config)
        with self._lock:
            loaded = self._load(thread_id, namespace, checkpoint_id)
            found = checkpoint_tuple(self._codec, thread_id, loaded) if loaded else None
        if self.hear:
            self.hear(namespace, found)
        return found

    def newest(self, config: RunnableConfig, channel: str) -> Iterator[Any] | None:
        """The elements of a channel that is a list, the last one first, each deserialized when it is asked for.

        None where only the graph can tell the channel's value: where there are pending writes, or it is no plain list,
        as that of a DeltaChannel. What is asked for is no graph's: nobody else has the same objects.
        """
        thread_id, namespace, checkpoint_id = address(config)
        with self._lock:
            loaded = self._load(thread_id, namespace, checkpoint_id)
        if loaded is None:
            return iter(())
        value = loaded.values.get(channel)
        if loaded.writes or not isinstance(value, Elements) or value.delta:
            return None
        return map(self._codec.load, reversed(value.frames))

    def _load(self, thread_id: str, namespace: str, checkpoint_id: str | None) -> Loaded | None:
        staged = self._staged(thread_id, namespace)
        snapshot = staged.snapshots.get(checkpoint_id or max(staged.snapshots, default=""))
        if snapshot:
            return self._assembled(thread_id, namespace, snapshot)
        stored = self._stored(thread_id, namespace, checkpoint_id)
        return stored and self._with_writes(staged, stored)

    def _stored(self, thread_id: str, namespace: str, checkpoint_id: str | None) -> Loaded | None:
        loaded = self._staged(thread_id, namespace).loaded
        wanted = checkpoint_id or ""
        if wanted not in loaded:
            found = self._saver.load(thread_id, namespace, checkpoint_id)
            loaded[wanted] = found
            if found:
                loaded[found.header.checkpoint_id] = found
        return loaded[wanted]

    def _with_writes(self, staged: Staged, loaded: Loaded) -> Loaded:
        own = staged.writes.get(loaded.header.checkpoint_id)
        if not own:
            return loaded
        together = {write.position.place: write for write in loaded.writes}
        merge(together, own.values())
        ordered = sorted(together.values(), key=lambda write: write.position.order)
        return Loaded(loaded.header, loaded.values, loaded.lists, ordered)

    def _assembled(self, thread_id: str, namespace: str, snapshot: Snapshot) -> Loaded:
        """A staged checkpoint as if it had been read."""
        values: dict[str, Value] = dict(snapshot.changed)
        if snapshot.carried:
            ancestor = self._stored(thread_id, namespace, self._staged(thread_id, namespace).stored_ancestor(snapshot))
            if ancestor:
                values.update((channel, ancestor.values[channel]) for channel in snapshot.carried)
        header = Header(namespace, snapshot.checkpoint_id, snapshot.parent_id, snapshot.frame)
        return self._with_writes(self._staged(thread_id, namespace), Loaded(header, values, {}, []))

    def list(
        self,
        config: RunnableConfig | None,
        *,
        filter: dict[str, Any] | None = None,  # noqa: A002  (LangGraph's name)
        before: RunnableConfig | None = None,
        limit: int | None = None,
    ) -> Iterator[CheckpointTuple]:
        """Staged checkpoints, then stored ones, each newest first. Raises ValueError without a thread."""
        left = limit
        for found in self._staged_tuples(config, filter, before):
            if left == 0:
                return
            yield found
            left = None if left is None else left - 1
        if left != 0:
            yield from self._saver.list(config, filter=filter, before=before, limit=left)

    def _staged_tuples(
        self, config: RunnableConfig | None, wanted: dict[str, Any] | None, before: RunnableConfig | None
    ) -> Iterator[CheckpointTuple]:
        if config is None:
            return
        thread_id, _, checkpoint_id = address(config)
        namespace = config["configurable"].get("checkpoint_ns")
        upper = before["configurable"].get("checkpoint_id") if before else None
        for place, staged in list(self._places.items()):
            if place[0] != thread_id or namespace not in (None, place[1]):
                continue
            for found in sorted(staged.snapshots, reverse=True):
                if (upper and found >= upper) or checkpoint_id not in (None, found):
                    continue
                checkpoint = self.get_tuple(config_of(thread_id, place[1], found))
                if checkpoint and all(checkpoint.metadata.get(k) == v for k, v in (wanted or {}).items()):
                    yield checkpoint

    def put(
        self,
        config: RunnableConfig,
        checkpoint: Checkpoint,
        metadata: CheckpointMetadata,
        new_versions: ChannelVersions,
    ) -> RunnableConfig:
        """Stage a checkpoint; it is serialized here, so that a later change of its values does not matter."""
        thread_id, namespace, parent_id = address(config)
        merged = get_serializable_checkpoint_metadata(config, metadata)
        with self._lock:
            staged = self._staged(thread_id, namespace)
            before = staged.snapshots.get(parent_id or "")
            ancestor = staged.stored_ancestor(before) if before else parent_id
            parent = self._saver.known(thread_id, namespace, ancestor)
            staged.snapshots[checkpoint["id"]] = take(
                self._codec, checkpoint, merged, new_versions, parent_id, parent, before
            )
        return config_of(thread_id, namespace, checkpoint["id"])

    def put_writes(
        self, config: RunnableConfig, writes: Sequence[tuple[str, Any]], task_id: str, task_path: str = ""
    ) -> None:
        """Stage a task's pending writes: of a regular one the first stays, of a special one the last."""
        thread_id, namespace, checkpoint_id = address(config)
        if not checkpoint_id:
            raise ValueError("put_writes needs a checkpoint_id")
        with self._lock:
            own = self._staged(thread_id, namespace).writes.setdefault(checkpoint_id, {})
            merge(own, numbered(self._codec, writes, task_id, task_path))

    def get_delta_channel_history(
        self, *, config: RunnableConfig, channels: Sequence[str]
    ) -> Mapping[str, DeltaChannelHistory]:
        """The same as the saver's, over staged and stored ancestors. Raises BrokenThreadError."""
        thread_id, namespace, checkpoint_id = address(config)
        walk = Walk(channels)
        with self._lock:
            loaded = self._load(thread_id, namespace, checkpoint_id)
            while loaded and loaded.header.parent_id and walk.wanted:
                parent_id = loaded.header.parent_id
                staged = self._staged(thread_id, namespace)
                if loaded.header.checkpoint_id not in staged.snapshots and parent_id not in staged.writes:
                    known = self._saver.known(thread_id, namespace, loaded.header.checkpoint_id)
                    if known:
                        walk.go_on_with(self._saver.walk(thread_id, known, walk.wanted))
                    break
                loaded = self._load(thread_id, namespace, parent_id)
                if loaded is None:
                    raise BrokenThreadError(f"checkpoint {parent_id} of thread {thread_id} is missing from the history")
                _visit(walk, loaded)
        return walk.result(self._codec)

    def writes(self, *, fresh: bool = False) -> StagedWrites:
        """What has to be written so that the newest staged checkpoint of each namespace is stored, and no more.

        With `fresh`, for another try after a transaction that was cancelled: appended rows claim no keys, which
        somebody else may have taken, and where the head is required as parent it is looked at. Raises
        ConcurrentWriteError if it is another one.
        """
        members = Members(self._saver.source, self._saver.require_head_parent, fresh)
        with self._lock:
            for (thread_id, namespace), staged in sorted(self._places.items()):  # a graph before its subgraphs
                known = partial(self._saver.known, thread_id, namespace)
                load = partial(self._saver.load if fresh else self._stored, thread_id, namespace)
                members.add(self._saver.writer(thread_id, namespace), staged, known, load)
        return members.found

    def committed(self, writes: StagedWrites) -> None:
        """To be told that the transaction with all of `writes` is through, so that the next turn need not read them."""
        for thread_id, stored in writes.plans:
            self._saver.remember(thread_id, stored)


def _visit(walk: Walk, loaded: Loaded) -> None:
    walk.visit(loaded.writes)
    for channel in walk.wanted:
        if channel in loaded.values:
            walk.seeds[channel] = loaded.values[channel]
