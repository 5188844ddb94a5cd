"""A saver for one turn: it keeps checkpoints and writes in memory, to be committed in somebody else's transaction."""

import threading
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from operator import itemgetter
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
from langgraph.checkpoint.serde.base import SerializerProtocol

from chatkeep.checkpointer.async_methods import AsyncMethods
from chatkeep.checkpointer.checkpoint import Listing, LoadedCheckpoint
from chatkeep.checkpointer.codec import Codec, Mend
from chatkeep.checkpointer.declared_types import with_types
from chatkeep.checkpointer.delta_history import Walk
from chatkeep.checkpointer.forks import renew_in_children
from chatkeep.checkpointer.langgraph_types import (
    address,
    checkpoint_tuple,
    config_of,
    delta_histories,
    listing,
    new_checkpoint,
    next_version,
    numbered,
)
from chatkeep.checkpointer.listing import read_matching
from chatkeep.checkpointer.staged_namespace import StagedNamespace
from chatkeep.checkpointer.staged_writes import StagedWrites
from chatkeep.checkpointer.thread_store import ThreadStore
from chatkeep.checkpointer.workers import Workers
from chatkeep.errors import BrokenThreadError

Place = tuple[str, str]  # thread, namespace
Heard = Callable[[str, CheckpointTuple | None], None]
"""Is told a namespace and the checkpoint that was asked for there, None where there is none."""


class StagedSaver(AsyncMethods):
    """Reads like the saver it comes from, sees the checkpoints and writes it was given, and sends nothing.

    Each stored checkpoint is read once, so its user holds the thread's lease. `hear` is told `get_tuple`'s results.
    With `start`, the thread is as it was at that checkpoint of the root graph, or empty at "": see `DynamoDBSaver`.
    Safe for threads.
    """

    def __init__(
        self,
        threads: ThreadStore,
        serde: SerializerProtocol,
        workers: Workers,
        mend: Mend | None = None,
        owner: str | None = None,
        start: str | None = None,
    ) -> None:
        super().__init__(serde=serde)
        self.workers = workers
        self._start = start
        self._mend = mend
        self._owner = owner
        self._codec = Codec(serde, mend)
        self.hear: Heard | None = None
        self._threads = threads
        self._staged: dict[Place, StagedNamespace] = {}
        self.renew()
        renew_in_children(self)

    def renew(self) -> None:
        self._lock = threading.RLock()

    def with_allowlist(self, extra_allowlist: Collection[tuple[str, ...]]) -> "StagedSaver":
        """The same saver, which from now on rebuilds these types too: it is one turn's, and so one graph's."""
        self.serde = with_types(self.serde, extra_allowlist)
        self._codec = Codec(self.serde, self._mend)
        return self

    def _namespace(self, thread_id: str, namespace: str) -> StagedNamespace:
        return self._staged.setdefault((thread_id, namespace), StagedNamespace())

    def get_next_version(self, current: Any, channel: None) -> Any:
        """The same as the saver's."""
        return next_version(current)

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
        as that of a DeltaChannel. The elements are no graph's: nobody else has the same objects.
        """
        thread_id, namespace, checkpoint_id = address(config)
        with self._lock:
            loaded = self._load(thread_id, namespace, checkpoint_id)
        if loaded is None:
            return iter(())
        value = loaded.values.get(channel)
        if loaded.writes or value is None or value.elements is None or value.delta:
            return None
        return map(self._codec.load, reversed(value.elements))

    def _load(self, thread_id: str, namespace: str, checkpoint_id: str | None) -> LoadedCheckpoint | None:
        staged = self._namespace(thread_id, namespace)
        new = staged.find(checkpoint_id)
        if new:
            ancestor_id = staged.stored_ancestor(new)
            return staged.as_read(
                namespace, new, self._stored(thread_id, namespace, ancestor_id) if new.carried else None
            )
        stored = self._stored(thread_id, namespace, checkpoint_id)
        return stored and staged.with_writes(stored)

    def _stored(self, thread_id: str, namespace: str, checkpoint_id: str | None) -> LoadedCheckpoint | None:
        loaded = self._namespace(thread_id, namespace).loaded
        wanted = checkpoint_id or ""
        if wanted not in loaded:
            found = self._read(thread_id, namespace, checkpoint_id)
            loaded[wanted] = found
            if found:
                loaded[found.header.checkpoint_id] = found
        return loaded[wanted]

    def _read(self, thread_id: str, namespace: str, checkpoint_id: str | None) -> LoadedCheckpoint | None:
        if checkpoint_id or self._start is None:
            return self._threads.load(thread_id, namespace, checkpoint_id)
        head = self._namespace(thread_id, namespace).head = self._threads.head(thread_id, namespace)
        return self._threads.load_as_of(thread_id, namespace, self._start) if head or not namespace else None

    def ends(self, thread_id: str) -> tuple[str | None, str | None]:
        """The stored checkpoint of the root graph that the newest staged one goes on from, and that one's id."""
        with self._lock:
            staged = self._namespace(thread_id, "")
            newest = staged.find(None)
            return (staged.stored_ancestor(newest), newest.checkpoint_id) if newest else (None, None)

    def list(
        self,
        config: RunnableConfig | None,
        *,
        filter: dict[str, Any] | None = None,  # noqa: A002  (LangGraph's name)
        before: RunnableConfig | None = None,
        limit: int | None = None,
    ) -> Iterator[CheckpointTuple]:
        """Staged checkpoints, then stored ones, each newest first. Raises ValueError without a thread."""
        wanted = listing(config, filter, before, limit)
        left = limit
        for found in self._list_staged(wanted):
            if left == 0:
                return
            yield found
            left = None if left is None else left - 1
        for loaded in read_matching(self._threads.storage, replace(wanted, limit=left)):
            yield checkpoint_tuple(self._codec, wanted.thread_id, loaded)

    def _list_staged(self, wanted: Listing) -> Iterator[CheckpointTuple]:
        places = [
            (checkpoint_id, namespace)
            for (thread_id, namespace), staged in list(self._staged.items())
            if thread_id == wanted.thread_id and wanted.namespace in (None, namespace)
            for checkpoint_id in filter(wanted.names, list(staged.checkpoints))
        ]
        for checkpoint_id, namespace in sorted(places, reverse=True):
            found = self.get_tuple(config_of(wanted.thread_id, namespace, checkpoint_id))
            if found and wanted.matches(found.metadata):
                yield found

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
            staged = self._namespace(thread_id, namespace)
            before = staged.checkpoints.get(parent_id or "")
            ancestor = staged.stored_ancestor(before) if before else parent_id
            parent = self._threads.known(thread_id, namespace, ancestor)
            staged.checkpoints[checkpoint["id"]] = new_checkpoint(
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
            own = numbered(self._codec, writes, task_id, task_path)
            self._namespace(thread_id, namespace).add_writes(checkpoint_id, own)

    def get_delta_channel_history(
        self, *, config: RunnableConfig, channels: Sequence[str]
    ) -> Mapping[str, DeltaChannelHistory]:
        """The same as the saver's, over staged and stored ancestors. Raises BrokenThreadError."""
        thread_id, namespace, checkpoint_id = address(config)
        walk = Walk(channels)
        with self._lock:
            self._walk(walk, thread_id, namespace, self._load(thread_id, namespace, checkpoint_id))
        return delta_histories(self._codec, walk)

    def _walk(self, walk: Walk, thread_id: str, namespace: str, loaded: LoadedCheckpoint | None) -> None:
        """Go back from a checkpoint through those that are staged, or have staged writes, and then the stored ones."""
        staged = self._namespace(thread_id, namespace)
        seen: set[str] = set()
        while loaded and loaded.header.parent_id and walk.wanted:
            own_id, parent_id = loaded.header.checkpoint_id, loaded.header.parent_id
            seen.add(own_id)
            if own_id not in staged.checkpoints and parent_id not in staged.writes:
                if known := self._threads.known(thread_id, namespace, own_id):
                    walk.go_on_with(self._threads.walk(thread_id, known, walk.wanted))
                return
            loaded = self._load(thread_id, namespace, parent_id)
            if loaded is None:
                raise BrokenThreadError(f"checkpoint {parent_id} of thread {thread_id} is missing from the history")
            if parent_id in seen:
                raise BrokenThreadError(f"checkpoint {parent_id} of thread {thread_id} is its own ancestor")
            walk.visit_loaded(loaded)

    def writes(self, *, fresh: bool = False) -> StagedWrites:
        """The members that store the newest staged checkpoint of each namespace, and no more.

        With `fresh`, for another try after a transaction that was cancelled: appended rows claim no keys, which
        somebody else may have taken, and where the head is required as parent it is looked at. Raises
        ConcurrentWriteError if it is another one.
        """
        members = StagedWrites(self._threads.storage, self._threads.guarded, fresh, self._owner)
        with self._lock:
            # A graph comes before its subgraphs.
            for (thread_id, namespace), staged in sorted(self._staged.items(), key=itemgetter(0)):
                known = partial(self._threads.known, thread_id, namespace)
                load = partial(self._threads.load if fresh else self._stored, thread_id, namespace)
                members.add(self._threads.maker(thread_id, namespace), staged, known, load)
        return members

    def committed(self, writes: StagedWrites) -> None:
        """To be told that the transaction with all of `writes` is through, so that the next turn need not read them."""
        for thread_id, stored in writes.plans:
            self._threads.remember(thread_id, stored)
