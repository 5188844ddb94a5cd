"""DynamoDBSaver: LangGraph's checkpoints in one DynamoDB table, at a cost that does not grow with the thread."""

import copy
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

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

from chatkeep.checkpoint_items import create_table, delete_thread, keys
from chatkeep.checkpointer import finding, maintenance
from chatkeep.checkpointer.async_methods import AsyncMethods
from chatkeep.checkpointer.codec import Codec, Mend, strict_serializer
from chatkeep.checkpointer.declared_types import ask_for_declared_types, with_types
from chatkeep.checkpointer.delta_history import Walk
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
from chatkeep.checkpointer.memory import RecentCheckpoints
from chatkeep.checkpointer.staged_saver import StagedSaver
from chatkeep.checkpointer.storage import PayloadCache, Storage, TableClient
from chatkeep.checkpointer.thread_store import ThreadStore
from chatkeep.checkpointer.workers import Workers

ask_for_declared_types()


class DynamoDBSaver(AsyncMethods):
    """A complete checkpoint saver on one table.

    Reads are consistent. The header, which makes a checkpoint visible, is written last. A thread that is not whole
    raises BrokenThreadError. With `require_head_parent`, a put whose parent is no longer the head of its namespace
    raises ConcurrentWriteError, at the price of a transaction. `serde` defaults to strict msgpack, which rebuilds the
    types that the graph's schema declares. `cache_bytes` of payloads read or written stay in memory, serialized, and
    are not read again; headers always are. Safe for threads, and in the child of a fork. The saver's own threads end
    with `close`, at the end of a `with`, or with the saver.
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
        if not isinstance(cache_bytes, int) or cache_bytes < 0:
            raise ValueError(f"cache_bytes has to be a number of bytes, and is {cache_bytes!r}")
        self.table_name = keys.text(table_name, "table_name")
        self.client = client if client is not None else boto3.client("dynamodb")
        self.require_head_parent = require_head_parent
        self.workers = Workers()
        self._recent = RecentCheckpoints()
        self._cache = PayloadCache(cache_bytes)

    create_table = staticmethod(create_table)

    @property
    def client(self) -> Any:
        """The client that the saver was made with."""
        return self._client.client

    @client.setter
    def client(self, client: Any) -> None:
        self._client = TableClient(client, self.table_name)

    def close(self) -> None:
        """End the saver's threads, once they have done what they were given. A later call starts others."""
        self.workers.close()

    def __enter__(self) -> "DynamoDBSaver":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def with_allowlist(self, extra_allowlist: Collection[tuple[str, ...]]) -> "DynamoDBSaver":
        """A saver that rebuilds these types too, and shares all else with this one."""
        serde = with_types(self.serde, extra_allowlist)
        if serde is self.serde:
            return self
        other = copy.copy(self)
        other.serde = serde
        return other

    def staged(self, mend: Mend | None = None, owner: str | None = None, start: str | None = None) -> StagedSaver:
        """A saver for one turn that keeps all writes until the caller commits `writes()` in a transaction.

        `mend` is for values that cannot be serialized: see `Codec`. Where the head is required as parent, the item that
        names it is marked as `owner`'s. A graph goes on from the thread's head, or from its checkpoint `start`, or at
        "" as on an empty thread: its new checkpoint becomes the head, if the head is still the one it was when the
        graph began. A `start` that is not there raises CheckpointGoneError.
        """
        return StagedSaver(self._threads, self.serde, self.workers, mend, owner, start)

    def holds(self, thread_id: str, checkpoint_id: str) -> bool:
        """Whether the root graph's thread has this checkpoint; none of its values are read."""
        return finding.exact(self._client, self.table_name, thread_id, "", checkpoint_id) is not None

    @property
    def _threads(self) -> ThreadStore:
        """Made anew for each use, as LangGraph gives a copy of a saver another serializer."""
        storage = Storage(self._client, self.table_name, Codec(self.serde), self.workers.for_requests, self._cache)
        return ThreadStore(storage, self._recent, self.require_head_parent)

    def get_tuple(self, config: RunnableConfig) -> CheckpointTuple | None:
        """The checkpoint of `config`, or the head of its namespace; None if there is none. Raises BrokenThreadError."""
        threads = self._threads
        thread_id, namespace, checkpoint_id = address(config)
        loaded = threads.load(thread_id, namespace, checkpoint_id)
        return checkpoint_tuple(threads.storage.codec, thread_id, loaded) if loaded else None

    def list(
        self,
        config: RunnableConfig | None,
        *,
        filter: dict[str, Any] | None = None,  # noqa: A002  (LangGraph's name)
        before: RunnableConfig | None = None,
        limit: int | None = None,
    ) -> Iterator[CheckpointTuple]:
        """Checkpoints of one thread, newest first over all namespaces where none is named: see `read_matching`.

        Raises ValueError without a thread, BrokenThreadError.
        """
        storage = self._threads.storage
        wanted = listing(config, filter, before, limit)
        for loaded in read_matching(storage, wanted):
            yield checkpoint_tuple(storage.codec, wanted.thread_id, loaded)

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
        threads = self._threads
        thread_id, namespace, parent_id = address(config)
        parent = threads.known(thread_id, namespace, parent_id)
        merged = get_serializable_checkpoint_metadata(config, metadata)
        new = new_checkpoint(threads.storage.codec, checkpoint, merged, new_versions, parent_id, parent)
        threads.put(thread_id, namespace, new, parent)
        return config_of(thread_id, namespace, checkpoint["id"])

    def put_writes(
        self, config: RunnableConfig, writes: Sequence[tuple[str, Any]], task_id: str, task_path: str = ""
    ) -> None:
        """Store a task's pending writes: of a regular one the first stays, of a special one the last. Idempotent."""
        thread_id, namespace, checkpoint_id = address(config)
        if not checkpoint_id:
            raise ValueError("put_writes needs a checkpoint_id")
        threads = self._threads
        own = list(numbered(threads.storage.codec, writes, task_id, task_path))
        threads.put_writes(thread_id, namespace, checkpoint_id, task_id, own)

    def get_delta_channel_history(
        self, *, config: RunnableConfig, channels: Sequence[str]
    ) -> Mapping[str, DeltaChannelHistory]:
        """The writes of a checkpoint's ancestors to `channels` since their last snapshots, and these.

        At most two queries per megabyte. Raises BrokenThreadError rather than leave out an ancestor.
        """
        threads = self._threads
        thread_id, namespace, checkpoint_id = address(config)
        known = threads.known(thread_id, namespace, checkpoint_id or threads.head(thread_id, namespace))
        walk = threads.walk(thread_id, known, channels) if known else Walk(channels)
        return delta_histories(threads.storage.codec, walk)

    def delete_thread(self, thread_id: str) -> None:
        """Delete all items of a thread. Idempotent, and may be called again after a failure."""
        delete_thread(self._client, self.table_name, thread_id)
        self._threads.forget(thread_id)

    def delete_for_runs(self, run_ids: Sequence[str]) -> None:
        """Delete the checkpoints that these runs wrote, in all threads: scans the table, as it has no index of runs.

        Payloads that other checkpoints share stay. A DeltaChannel's history that goes through them is lost.
        """
        runs = keys.texts(run_ids, "run_ids")
        for thread_id in maintenance.delete_for_runs(self._threads.storage, runs):
            self._threads.forget(thread_id)

    def copy_thread(self, source_thread_id: str, target_thread_id: str) -> None:
        """Copy all items of a thread, what makes a checkpoint visible last and older checkpoints before newer ones."""
        source = keys.partition(source_thread_id, "source_thread_id")
        target = keys.partition(target_thread_id, "target_thread_id")
        maintenance.copy_thread(self._threads.storage, source, target)

    def prune(self, thread_ids: Sequence[str], *, strategy: str = "keep_latest") -> None:
        """`keep_latest` keeps each namespace's head and the ancestors its DeltaChannels need; `delete` keeps nothing.

        A subgraph's call goes with the root graph's checkpoint that it started from. Not to be run beside a writer to
        the thread that goes on from an older checkpoint than the head, or that has subgraphs: they may refer to rows
        which only an older one needs. Raises TypeError or ValueError.
        """
        if strategy not in ("keep_latest", "delete"):
            raise ValueError(f"there is no strategy {strategy!r}: keep_latest or delete")
        for thread_id in keys.texts(thread_ids, "thread_ids", keys.THREAD_BYTES):
            if strategy == "delete":
                delete_thread(self._client, self.table_name, thread_id)
            else:
                maintenance.keep_latest(self._threads.storage, thread_id)
            self._threads.forget(thread_id)

    def get_next_version(self, current: Any, channel: None) -> Any:
        """A version greater than `current` that no other writer on the same checkpoint makes as well."""
        return next_version(current)
