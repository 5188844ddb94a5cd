"""DynamoDBSaver: LangGraph's checkpoints in one DynamoDB table, at a cost that does not grow with the thread."""

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import boto3
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

from chatkeep.checkpoint_items import create_table, delete_thread
from chatkeep.checkpointer import contents, heads, maintenance
from chatkeep.checkpointer.async_twins import AsyncTwins
from chatkeep.checkpointer.codec import Codec, Mend, strict_serializer
from chatkeep.checkpointer.committing import commit, update
from chatkeep.checkpointer.contents import Loaded
from chatkeep.checkpointer.history import Walk, walk_stored
from chatkeep.checkpointer.marks import marked
from chatkeep.checkpointer.payload_cache import PayloadCache
from chatkeep.checkpointer.planning import Plan
from chatkeep.checkpointer.recent import Recent
from chatkeep.checkpointer.shelf import Writer
from chatkeep.checkpointer.snapshot import Known, take
from chatkeep.checkpointer.source import Source
from chatkeep.checkpointer.tuples import address, checkpoint_tuple, config_of, decode
from chatkeep.checkpointer.versions import next_version
from chatkeep.checkpointer.writes import numbered

if TYPE_CHECKING:
    from chatkeep.checkpointer.staging import StagedSaver

_WORKERS = 8


class DynamoDBSaver(AsyncTwins):
    """A complete checkpoint saver on one table.

    Reads are consistent; what makes a checkpoint visible is written last; a thread that cannot be read whole raises
    BrokenThreadError. With `require_head_parent`, a put whose parent is no longer the head of its namespace raises
    ConcurrentWriteError, at the price of a transaction. `serde` defaults to strict msgpack. `cache_bytes` of what was
    read or written stay in memory, serialized, and are not read again; headers always are. Safe for threads.
    """

    def __init__(
        self,
        table_name: str,
        client: Any = None,
        *,
        serde: SerializerProtocol | None = None,
        require_head_parent: bool = False,
        cache_bytes: int = 0,
    ) -> None:
        super().__init__(serde=serde or strict_serializer())
        self.table_name = table_name
        self.client = client or boto3.client("dynamodb")
        self.require_head_parent = require_head_parent
        self._recent = Recent()
        self._cache = PayloadCache(cache_bytes)
        self._pool: list[ThreadPoolExecutor] = []

    create_table = staticmethod(create_table)

    def staged(self, mend: Mend | None = None) -> "StagedSaver":
        """A saver for one turn that keeps what it is given until the caller commits `writes()` in a transaction.

        `mend` is for values that cannot be serialized: see `Codec`.
        """
        from chatkeep.checkpointer.staging import StagedSaver  # it imports this module

        return StagedSaver(self, mend)

    @property
    def source(self) -> Source:
        return Source(self.client, self.table_name, Codec(self.serde), self._executor, self._cache)

    def _executor(self) -> ThreadPoolExecutor:
        if not self._pool:
            self._pool.append(ThreadPoolExecutor(_WORKERS, thread_name_prefix="checkpoints"))
        return self._pool[0]

    def get_tuple(self, config: RunnableConfig) -> CheckpointTuple | None:
        """The checkpoint of `config`, or the head of its namespace; None if there is none. Raises BrokenThreadError."""
        thread_id, namespace, checkpoint_id = address(config)
        loaded = self.load(thread_id, namespace, checkpoint_id)
        return checkpoint_tuple(Codec(self.serde), thread_id, loaded) if loaded else None

    def load(self, thread_id: str, namespace: str, checkpoint_id: str | None) -> Loaded | None:
        """The same still serialized; what a later put has to know of it is remembered."""
        ancestors: Sequence[heads.Found] = ()
        if checkpoint_id:
            found = heads.exact(self.client, self.table_name, thread_id, namespace, checkpoint_id)
        else:
            found, ancestors = self._newest(thread_id, namespace)
        if found is None:
            if not checkpoint_id:  # no row of a thread that was deleted elsewhere may be shared
                self._recent.forget(thread_id, namespace or None)
            return None
        loaded = contents.load(self.source, thread_id, [found])[0]
        self._recent.remember((thread_id, namespace), self._known(loaded))
        if ancestors:
            self._recent.hold((thread_id, namespace), found.checkpoint_id, ancestors)
        return loaded

    def _newest(self, thread_id: str, namespace: str) -> tuple[heads.Found | None, Sequence[heads.Found]]:
        """The head and, where the namespace had DeltaChannels when last seen, the history that will be asked for."""
        snapshot_id = self._recent.last_snapshot((thread_id, namespace))
        if snapshot_id:
            found = heads.since(self.client, self.table_name, thread_id, namespace, snapshot_id)
            if found:
                return found[0], found[1:]
        return heads.newest(self.client, self.table_name, thread_id, namespace), ()

    def _known(self, loaded: Loaded) -> Known:
        versions = decode(Codec(self.serde), loaded.header)[0]["channel_versions"]
        return Known(loaded.header, versions, loaded.lists)

    def known(self, thread_id: str, namespace: str, checkpoint_id: str | None) -> Known | None:
        """What a put on top of this checkpoint has to know, from memory or else from the table."""
        if not checkpoint_id:
            return None
        known = self._recent.get((thread_id, namespace), checkpoint_id)
        if known is None:
            loaded = self.load(thread_id, namespace, checkpoint_id)
            known = self._known(loaded) if loaded else None
        return known

    def list(
        self,
        config: RunnableConfig | None,
        *,
        filter: dict[str, Any] | None = None,  # noqa: A002  (LangGraph's name)
        before: RunnableConfig | None = None,
        limit: int | None = None,
    ) -> Iterator[CheckpointTuple]:
        """Checkpoints of one thread, newest first. Raises ValueError without a thread, BrokenThreadError."""
        if config is None:
            raise ValueError("list needs a config with a thread_id: there is no index over threads")
        thread_id, _, checkpoint_id = address(config)
        namespace = config["configurable"].get("checkpoint_ns")
        upper = before["configurable"].get("checkpoint_id") if before else None
        codec, left = Codec(self.serde), limit
        first_page = 0 if limit is None else max(4 * limit, 16)
        for page in heads.pages(
            self.client, self.table_name, thread_id, namespace, before=upper, first_page=first_page
        ):
            matching = [found for found in page if not checkpoint_id or found.checkpoint_id == checkpoint_id]
            if filter:
                opened = contents.headers(self.source, thread_id, matching)
                kept = [_matches(decode(codec, header)[1], filter) for header in opened]
                matching = [found for found, keep in zip(matching, kept, strict=True) if keep]
            if left is not None:
                matching = matching[:left]
                left -= len(matching)
            for loaded in contents.load(self.source, thread_id, matching):
                yield checkpoint_tuple(codec, thread_id, loaded)
            if left == 0:
                return

    def put(
        self,
        config: RunnableConfig,
        checkpoint: Checkpoint,
        metadata: CheckpointMetadata,
        new_versions: ChannelVersions,
    ) -> RunnableConfig:
        """Store a checkpoint on top of the one that `config` names; nothing of it is visible until all of it is.

        Raises ConcurrentWriteError where the head is required as parent, StorageUnavailableError.
        """
        thread_id, namespace, parent_id = address(config)
        parent = self.known(thread_id, namespace, parent_id)
        writer = self.writer(thread_id, namespace)
        merged = get_serializable_checkpoint_metadata(config, metadata)
        snapshot = take(writer.codec, checkpoint, merged, new_versions, parent_id, parent)
        written = self._recent.written((thread_id, namespace), parent_id)
        stored = commit(self.source, writer, snapshot, parent, written, guarded=self.require_head_parent)
        self.remember(thread_id, stored)
        return config_of(thread_id, namespace, checkpoint["id"])

    def remember(self, thread_id: str, stored: Plan) -> None:
        """What has just been stored need not be read."""
        self._recent.remember((thread_id, stored.known.header.namespace), stored.known)
        for row in stored.rows:
            self._cache.add(thread_id, row.ref.generation, {row.ref.row: marked(row.frames)})

    def _forget(self, thread_id: str) -> None:
        self._recent.forget(thread_id)
        self._cache.forget(thread_id)

    def put_writes(
        self, config: RunnableConfig, writes: Sequence[tuple[str, Any]], task_id: str, task_path: str = ""
    ) -> None:
        """Store a task's pending writes: of a regular one the first stays, of a special one the last. Idempotent."""
        thread_id, namespace, checkpoint_id = address(config)
        if not checkpoint_id:
            raise ValueError("put_writes needs a checkpoint_id")
        writer = self.writer(thread_id, namespace, task_id)
        own = list(numbered(writer.codec, writes, task_id, task_path))
        update(self.source, writer, checkpoint_id, own)
        self._recent.note((thread_id, namespace), checkpoint_id, own)

    def writer(self, thread_id: str, namespace: str, task_id: str | None = None) -> Writer:
        """A writer that shares rows with the graphs around its namespace and, for a task's writes, with those in it."""
        nearby = self._recent.nearby((thread_id, namespace), task_id)
        lists = tuple(known_list for known in nearby for known_list in known.lists.values())
        return Writer(Codec(self.serde), thread_id, namespace, lists)

    def get_delta_channel_history(
        self, *, config: RunnableConfig, channels: Sequence[str]
    ) -> Mapping[str, DeltaChannelHistory]:
        """The writes of a checkpoint's ancestors to `channels` since their last snapshots, and these.

        At most two queries a megabyte. Raises BrokenThreadError rather than leave out an ancestor.
        """
        thread_id, namespace, checkpoint_id = address(config)
        known = self.known(thread_id, namespace, checkpoint_id or self._head(thread_id, namespace))
        walk = self.walk(thread_id, known, channels) if known else Walk(channels)
        return walk.result(Codec(self.serde))

    def walk(self, thread_id: str, known: Known, channels: Sequence[str]) -> Walk:
        """The history of these channels still serialized; what a later put has to know of it is remembered."""
        place = (thread_id, known.header.namespace)
        held = self._recent.release(place, known.header.checkpoint_id)
        walk = walk_stored(self.source, thread_id, known.header, channels, held)
        self._recent.remember(place, walk.informed(known))
        return walk

    def _head(self, thread_id: str, namespace: str) -> str | None:
        found = heads.newest(self.client, self.table_name, thread_id, namespace)
        return found.checkpoint_id if found else None

    def delete_thread(self, thread_id: str) -> None:
        """Delete all items of a thread. Idempotent, and may be called again after a failure."""
        delete_thread(self.client, self.table_name, thread_id)
        self._forget(thread_id)

    def delete_for_runs(self, run_ids: Sequence[str]) -> None:
        """Delete the checkpoints that these runs wrote, in all threads: scans the table, as it has no index of runs.

        What other checkpoints share stays. A DeltaChannel whose history goes through them cannot be read any more.
        """
        for thread_id in maintenance.delete_for_runs(self.source, run_ids):
            self._forget(thread_id)

    def copy_thread(self, source_thread_id: str, target_thread_id: str) -> None:
        """Copy all items of a thread, what makes a checkpoint visible last and older checkpoints before newer ones."""
        maintenance.copy_thread(self.source, source_thread_id, target_thread_id)

    def prune(self, thread_ids: Sequence[str], *, strategy: str = "keep_latest") -> None:
        """`keep_latest` keeps the head of each namespace and what its DeltaChannels need; `delete` keeps nothing.

        Not to be run beside a writer to the thread that goes on from an older checkpoint than the head, or that has
        subgraphs: they may refer to rows which only an older one needs. Raises ValueError.
        """
        if strategy not in ("keep_latest", "delete"):
            raise ValueError(f"there is no strategy {strategy!r}: keep_latest or delete")
        for thread_id in thread_ids:
            if strategy == "delete":
                delete_thread(self.client, self.table_name, thread_id)
            else:
                maintenance.keep_latest(self.source, thread_id)
            self._forget(thread_id)

    def get_next_version(self, current: Any, channel: None) -> Any:
        """A version greater than `current` that no other writer on the same checkpoint makes as well."""
        return next_version(current)


def _matches(metadata: Mapping[str, Any], wanted: Mapping[str, Any]) -> bool:
    return all(metadata.get(name) == value for name, value in wanted.items())
