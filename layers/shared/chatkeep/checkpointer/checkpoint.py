"""A checkpoint about to be written, as it is known afterwards, and as it is read."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from langgraph.checkpoint.base import ChannelVersions

from chatkeep.checkpointer.codec import Digested, Frame, Path
from chatkeep.checkpointer.lists import KnownList
from chatkeep.checkpointer.record import Header, Value
from chatkeep.checkpointer.writes import Write

Slot = tuple[str, Path]
"""Where a checkpoint has a list: a channel, and the path in its value."""


@dataclass(frozen=True)
class NewCheckpoint:
    """A checkpoint to write.

    `changed` has its new values, `carried` the channels whose value lies where the parent's does. `delta_pending` are
    the DeltaChannels whose values have to be rebuilt from the writes of ancestors.
    """

    checkpoint_id: str
    parent_id: str | None
    versions: ChannelVersions
    frame: Frame
    run_id: str | None
    delta_pending: frozenset[str]
    changed: dict[str, Value]
    carried: frozenset[str]


@dataclass(frozen=True)
class KnownCheckpoint:
    """A stored checkpoint with all that the next one is compared with.

    The list of a DeltaChannel is its last snapshot's with the rows written ahead of the next. `waiting` has the
    elements written to it since, where they are known.
    """

    header: Header
    versions: ChannelVersions
    lists: Mapping[Slot, KnownList]  # of channels among the header's entries or seeds
    waiting: Mapping[str, list[Frame]] = field(default_factory=dict)


@dataclass(frozen=True)
class LoadedCheckpoint:
    """A stored checkpoint with all that it refers to, still serialized."""

    header: Header
    values: dict[str, Value]
    lists: dict[Slot, KnownList]
    writes: list[Write[Value]]

    def digested(self) -> dict[Slot, Digested]:
        """Its lists with their digests."""
        return {
            (channel, path): Digested(frames, self.lists[channel, path].digests)
            for channel, value in self.values.items()
            for path, frames in value.lists.items()
            if (channel, path) in self.lists
        }


@dataclass(frozen=True)
class Listing:
    """Which checkpoints to list: of a namespace or all, of an id or all, older than `before`, with such metadata."""

    thread_id: str
    namespace: str | None
    checkpoint_id: str | None
    before: str | None
    metadata: Mapping[str, Any]
    limit: int | None = None

    def names(self, checkpoint_id: str) -> bool:
        """Whether a checkpoint may be listed as far as its id tells."""
        return (not self.before or checkpoint_id < self.before) and self.checkpoint_id in (None, checkpoint_id)

    def matches(self, metadata: Mapping[str, Any]) -> bool:
        return all(metadata.get(name) == value for name, value in self.metadata.items())
