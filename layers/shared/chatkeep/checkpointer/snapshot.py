"""A checkpoint about to be stored: what changed in it, serialized at once so that later mutation does not matter."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from langgraph.checkpoint.base import ChannelVersions, Checkpoint
from langgraph.checkpoint.serde.types import _DeltaSnapshot

from chatkeep.checkpointer.codec import Codec, Frame, size
from chatkeep.checkpointer.manifest import Header
from chatkeep.checkpointer.outline import Path, fill, lists_in, without
from chatkeep.checkpointer.stretches import KnownList

Slot = tuple[str, Path]
"""Where a checkpoint has a list: a channel, and the path in its value."""

_LIST_BYTES = 1_024  # a shorter list in a value stays there
_MOST_LISTS = 4  # each takes some of the header


@dataclass(frozen=True)
class Single:
    """A value serialized whole."""

    frame: Frame
    delta: bool = False


@dataclass(frozen=True)
class Elements:
    """A list serialized element by element."""

    frames: list[Frame]
    delta: bool = False


@dataclass(frozen=True)
class Outline:
    """A value serialized without its long lists, and these element by element."""

    frame: Frame
    lists: dict[Path, list[Frame]]
    delta: bool = False


Value = Single | Elements | Outline


def frames_in(value: Value) -> dict[Path, list[Frame]]:
    """The lists of a value by their paths, as `rows_in` has those of a stored one."""
    if isinstance(value, Elements):
        return {(): value.frames}
    return value.lists if isinstance(value, Outline) else {}


@dataclass(frozen=True)
class Known:
    """What a writer has to know of the stored checkpoint that it goes on from.

    The list of a DeltaChannel is its last snapshot's and what was written to rows ahead of the next; `waiting` has,
    where that is known, the elements written to it since.
    """

    header: Header
    versions: ChannelVersions
    lists: Mapping[Slot, KnownList]  # of channels among the header's entries or seeds
    waiting: Mapping[str, list[Frame]] = field(default_factory=dict)


@dataclass(frozen=True)
class Snapshot:
    """`changed` holds values to write, `carried` the channels whose value lies where the parent's does."""

    checkpoint_id: str
    parent_id: str | None
    versions: ChannelVersions
    frame: Frame
    run_id: str | None
    delta_pending: frozenset[str]  # DeltaChannels whose values have to be rebuilt from the writes of ancestors
    changed: dict[str, Value]
    carried: frozenset[str]


def dump(codec: Codec, value: Any) -> Value:
    delta = isinstance(value, _DeltaSnapshot)
    plain = value.value if delta else value
    if lists := _long_lists(codec, plain):
        return Outline(codec.dump(without(plain, lists)), lists, delta)
    if type(plain) is list:
        return Elements(codec.dump_each(plain), delta)
    return Single(codec.dump(plain), delta)


def _long_lists(codec: Codec, value: Any) -> dict[Path, list[Frame]]:
    lists = {path: codec.dump_each(found) for path, found in lists_in(value).items()}
    sizes = {path: size(frames) for path, frames in lists.items()}
    longest = sorted(sizes, key=lambda path: sizes[path], reverse=True)[:_MOST_LISTS]
    return {path: lists[path] for path in longest if sizes[path] > _LIST_BYTES}


def load(codec: Codec, value: Value) -> Any:
    if isinstance(value, Single):
        plain = codec.load(value.frame)
    elif isinstance(value, Elements):
        plain = codec.load_each(value.frames)
    else:
        lists = {path: codec.load_each(frames) for path, frames in value.lists.items()}
        plain = fill(codec.load(value.frame), lists)
    return _DeltaSnapshot(plain) if value.delta else plain


def take(
    codec: Codec,
    checkpoint: Checkpoint,
    metadata: Mapping[str, Any],
    new_versions: ChannelVersions,
    parent_id: str | None,
    parent: Known | None,
    staged: Snapshot | None = None,
) -> Snapshot:
    """Serialize a checkpoint, leaving out what its parent has at the same version.

    `parent` is the nearest stored ancestor; `staged` the parent itself where it is not stored yet.
    """
    versions = checkpoint["channel_versions"]
    changed: dict[str, Value] = {}
    carried: set[str] = set()
    before = (staged or parent).versions if staged or parent else {}  # type: ignore[union-attr]
    there = staged.carried if staged else parent.header.entries if parent else ()
    for channel, version in versions.items():
        unchanged = channel not in new_versions and before.get(channel) == version
        if unchanged and staged and channel in staged.changed:
            changed[channel] = staged.changed[channel]
        elif unchanged and channel in there:
            carried.add(channel)
        elif channel in checkpoint["channel_values"]:
            changed[channel] = dump(codec, checkpoint["channel_values"][channel])
    rest = {key: value for key, value in checkpoint.items() if key not in ("id", "channel_values")}
    return Snapshot(
        checkpoint_id=checkpoint["id"],
        parent_id=parent_id,
        versions=versions,
        frame=codec.dump([rest, dict(metadata)]),
        run_id=metadata.get("run_id"),
        delta_pending=frozenset(metadata.get("counters_since_delta_snapshot") or ()),
        changed=changed,
        carried=frozenset(carried),
    )
