"""Between LangGraph's configs, checkpoints, values and writes and those of this package."""

import copy
import random
import secrets
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import (
    WRITES_IDX_MAP,
    ChannelVersions,
    Checkpoint,
    CheckpointTuple,
    DeltaChannelHistory,
    PendingWrite,
)
from langgraph.checkpoint.serde.types import _DeltaSnapshot

from chatkeep.checkpoint_items import keys
from chatkeep.checkpointer.checkpoint import KnownCheckpoint, Listing, LoadedCheckpoint, NewCheckpoint
from chatkeep.checkpointer.codec import Codec, Frame, Path, size
from chatkeep.checkpointer.delta_history import Walk
from chatkeep.checkpointer.record import Value, decode
from chatkeep.checkpointer.writes import Write

try:
    from langgraph.types import Send
except ImportError:  # langgraph-checkpoint alone: without graphs there is no Send
    Send = None  # type: ignore[assignment, misc]

_DIGITS = 8
_DEPTH = 4
_LIST_BYTES = 1_024  # a shorter list in a value stays there
_MOST_LISTS = 4  # each takes some of the header


def config_of(thread_id: str, namespace: str, checkpoint_id: str) -> RunnableConfig:
    return {
        "configurable": {"thread_id": thread_id, "checkpoint_ns": namespace, "checkpoint_id": checkpoint_id},
    }


def address(config: RunnableConfig) -> tuple[str, str, str | None]:
    """Thread, namespace and checkpoint that a config names. Raises ValueError for a name that cannot be a key."""
    configurable = config.get("configurable", {})
    if "thread_id" not in configurable:
        raise ValueError("the config needs a thread_id")
    thread_id = keys.partition(configurable["thread_id"])
    namespace = keys.text(configurable.get("checkpoint_ns") or "", "checkpoint_ns", least=0)
    return thread_id, namespace, _checkpoint_id(config)


def _checkpoint_id(config: RunnableConfig) -> str | None:
    checkpoint_id = config["configurable"].get("checkpoint_id")
    return None if checkpoint_id in (None, "") else keys.checkpoint(checkpoint_id)


def listing(
    config: RunnableConfig | None, wanted: Mapping[str, Any] | None, before: RunnableConfig | None, limit: int | None
) -> Listing:
    """The arguments of `list`. Raises ValueError, as without a thread."""
    if config is None:
        raise ValueError("list needs a config with a thread_id: there is no index over threads")
    if limit is not None and (not isinstance(limit, int) or limit < 0):
        raise ValueError(f"limit has to be a number of checkpoints, and is {limit!r}")
    thread_id, namespace, checkpoint_id = address(config)
    everywhere = config["configurable"].get("checkpoint_ns") is None
    upper = _checkpoint_id(before) if before else None
    return Listing(thread_id, None if everywhere else namespace, checkpoint_id, upper, wanted or {}, limit)


def next_version(current: Any) -> Any:
    """A version after `current`, of the kind that the thread has: text, or numbers from another saver.

    LangGraph compares versions with one another, so a thread keeps its kind, and a text at least its width. Two writers
    on one checkpoint do not make the same.
    """
    if isinstance(current, int | float):
        return int(current) + 1 + random.random()  # noqa: S311
    count, _, _ = (current or "0").partition(".")
    return f"{int(count) + 1:0{max(_DIGITS, len(count) if current else 0)}}.{secrets.token_hex(4)}"


def new_checkpoint(
    codec: Codec,
    checkpoint: Checkpoint,
    metadata: Mapping[str, Any],
    new_versions: ChannelVersions,
    parent_id: str | None,
    parent: KnownCheckpoint | None,
    staged: NewCheckpoint | None = None,
) -> NewCheckpoint:
    """Serialize a checkpoint, leaving out the values that its parent has at the same version.

    All of it is serialized at once, so that later mutation does not matter. `parent` is the nearest stored ancestor;
    `staged` the parent itself where it is not stored yet.
    """
    changed, carried = _divided(codec, checkpoint, new_versions, parent, staged)
    rest = {key: value for key, value in checkpoint.items() if key not in ("id", "channel_values")}
    return NewCheckpoint(
        checkpoint_id=keys.checkpoint(checkpoint["id"]),
        parent_id=parent_id,
        versions=checkpoint["channel_versions"],
        frame=codec.dump([rest, dict(metadata)]),
        run_id=metadata.get("run_id"),
        delta_pending=frozenset(metadata.get("counters_since_delta_snapshot") or ()),
        changed=changed,
        carried=carried,
    )


def _divided(
    codec: Codec,
    checkpoint: Checkpoint,
    new_versions: ChannelVersions,
    parent: KnownCheckpoint | None,
    staged: NewCheckpoint | None,
) -> tuple[dict[str, Value], frozenset[str]]:
    """The values to write, and the channels whose value is the parent's."""
    changed: dict[str, Value] = {}
    carried: set[str] = set()
    before = (staged or parent).versions if staged or parent else {}  # type: ignore[union-attr]
    there = staged.carried if staged else parent.header.entries if parent else ()
    for channel, version in checkpoint["channel_versions"].items():
        unchanged = channel not in new_versions and before.get(channel) == version
        if unchanged and staged and channel in staged.changed:
            changed[channel] = staged.changed[channel]
        elif unchanged and channel in there:
            carried.add(channel)
        elif channel in checkpoint["channel_values"]:
            changed[channel] = dump(codec, checkpoint["channel_values"][channel])
    return changed, frozenset(carried)


def numbered(codec: Codec, writes: Sequence[tuple[str, Any]], task_id: str, task_path: str) -> Iterator[Write[Value]]:
    """A task's writes, serialized, each with its index. Raises ValueError for a task_id that is no string."""
    keys.text(task_id, "task_id", least=0)
    for index, (channel, value) in enumerate(writes):
        yield Write(task_id, WRITES_IDX_MAP.get(channel, index), channel, task_path, dump(codec, value))


def checkpoint_tuple(codec: Codec, thread_id: str, loaded: LoadedCheckpoint) -> CheckpointTuple:
    header = loaded.header
    rest, metadata = decode(codec, header)
    values = {channel: load(codec, value) for channel, value in loaded.values.items()}
    parent = header.parent_id if not header.pruned else None
    return CheckpointTuple(
        config=config_of(thread_id, header.namespace, header.checkpoint_id),
        checkpoint=Checkpoint(**{**rest, "channel_values": values}),  # type: ignore[typeddict-item]
        metadata=metadata,  # type: ignore[arg-type]
        parent_config=config_of(thread_id, header.namespace, parent) if parent else None,
        pending_writes=[_pending(codec, write) for write in loaded.writes],
    )


def delta_histories(codec: Codec, walk: Walk) -> dict[str, DeltaChannelHistory]:
    """The histories that a walk found: each channel's writes, oldest first, and the snapshot that they build on."""
    histories: dict[str, DeltaChannelHistory] = {}
    for channel in walk.channels:
        histories[channel] = {"writes": [_pending(codec, write) for write in walk.oldest_first(channel)]}
        if channel in walk.seeds:
            histories[channel]["seed"] = load(codec, walk.seeds[channel])
    return histories


def _pending(codec: Codec, write: Write[Value]) -> PendingWrite:
    return write.task_id, write.channel, load(codec, write.value)


def dump(codec: Codec, value: Any) -> Value:
    delta = isinstance(value, _DeltaSnapshot)
    plain = value.value if delta else value
    if lists := _long_lists(codec, plain):
        return Value(codec.dump(without(plain, lists)), lists, delta)
    if type(plain) is list:
        return Value(None, {(): codec.dump_each(plain)}, delta)
    return Value(codec.dump(plain), delta=delta)


def _long_lists(codec: Codec, value: Any) -> dict[Path, list[Frame]]:
    lists = {path: codec.dump_each(found) for path, found in lists_in(value).items()}
    sizes = {path: size(frames) for path, frames in lists.items()}
    longest = sorted(sizes, key=lambda path: sizes[path], reverse=True)[:_MOST_LISTS]
    return {path: lists[path] for path in longest if sizes[path] > _LIST_BYTES}


def load(codec: Codec, value: Value) -> Any:
    rest = codec.load(value.rest) if value.rest else None
    plain = fill(rest, {path: codec.load_each(frames) for path, frames in value.lists.items()})
    return _DeltaSnapshot(plain) if value.delta else plain


def lists_in(value: Any) -> dict[Path, list[Any]]:
    """The lists in plain containers, by their paths; a list in a list is an element and no list of its own."""
    return dict(_found(value, (), _DEPTH))


def _found(value: Any, path: Path, depth: int) -> Iterator[tuple[Path, list[Any]]]:
    if type(value) is Send:
        yield from _found(value.arg, (*path, "arg"), depth - 1)
    elif type(value) is dict and depth:
        for key, inner in value.items():
            if type(key) is str:
                yield from _found(inner, (*path, key), depth - 1)
    elif type(value) is list and Send in map(type, value):
        for index, element in enumerate(value):
            if type(element) is Send:
                yield from _found(element, (*path, index), depth)
    elif type(value) is list and path:
        yield path, value


def without(value: Any, paths: Mapping[Path, Any]) -> Any:
    """A copy of `value` with None in the place of these lists; `value` itself stays as it is."""
    if () in paths:
        return None
    steps = dict.fromkeys(path[0] for path in paths)
    if not steps:
        return value
    hollow = copy.copy(value)
    for step in steps:
        below = {path[1:]: found for path, found in paths.items() if path[0] == step}
        _set(hollow, step, without(_get(value, step), below))
    return hollow


def fill(hollow: Any, lists: Mapping[Path, list[Any]]) -> Any:
    """`hollow`, which is changed, with the lists in their places; a list at () is all there is."""
    if () in lists:
        return lists[()]
    for path, found in lists.items():
        inner = hollow
        for step in path[:-1]:
            inner = _get(inner, step)
        _set(inner, path[-1], found)
    return hollow


def _get(container: Any, step: str | int) -> Any:
    return container.arg if type(container) is Send else container[step]


def _set(container: Any, step: str | int, value: Any) -> None:
    if type(container) is Send:
        container.arg = value
    else:
        container[step] = value
