"""The history of DeltaChannels: the writes of the ancestors, back to the snapshot that they build on."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from langgraph.checkpoint.base import DeltaChannelHistory

from chatkeep.checkpointer import contents, heads
from chatkeep.checkpointer.ahead import NOTHING, elements, recall
from chatkeep.checkpointer.codec import Codec
from chatkeep.checkpointer.heads import Found
from chatkeep.checkpointer.manifest import Entry, Header
from chatkeep.checkpointer.pending import stored_writes
from chatkeep.checkpointer.snapshot import Known, Slot, Value, load
from chatkeep.checkpointer.source import Source
from chatkeep.checkpointer.stretches import KnownList
from chatkeep.checkpointer.tuples import pending
from chatkeep.checkpointer.writes import StoredWrite, Write
from chatkeep.errors import BrokenThreadError


@dataclass
class Walk:
    """Collects, newest ancestor first, the writes of each channel until its seed is met."""

    channels: Sequence[str]
    writes: dict[str, list[Write]] = field(default_factory=dict)
    seeds: dict[str, Value] = field(default_factory=dict)
    entries: dict[str, Entry] = field(default_factory=dict)  # where the seeds lie
    lists: dict[Slot, KnownList] = field(default_factory=dict)  # in the seeds

    @property
    def wanted(self) -> list[str]:
        return [channel for channel in self.channels if channel not in self.seeds]

    def visit(self, writes: Iterable[Write]) -> None:
        """An ancestor's writes; those to channels whose seed is known already are in it."""
        wanted = set(self.wanted)
        for write in sorted(writes, key=lambda found: found.position.order, reverse=True):
            if write.position.channel in wanted:
                self.writes.setdefault(write.position.channel, []).append(write)

    def go_on_with(self, older: "Walk") -> None:
        """Add what was found further back."""
        for channel, writes in older.writes.items():
            self.writes.setdefault(channel, []).extend(writes)
        self.seeds.update(older.seeds)

    def informed(self, known: Known) -> Known:
        """What a writer to the head knows after this walk from it: the lists of its DeltaChannels, and what waits."""
        lists, waiting = dict(known.lists), dict(known.waiting)
        for channel in self.channels:
            if channel in waiting or known.header.seeds.get(channel) != self.entries.get(channel):
                continue
            lists.update((slot, found) for slot, found in self.lists.items() if slot[0] == channel)
            written = elements(reversed(self.writes.get(channel, [])), channel)
            recalled = recall(known.header.ahead.get(channel), lists.get((channel, ()), NOTHING), written)
            if recalled:
                lists[channel, ()], waiting[channel] = recalled
        return replace(known, lists=lists, waiting=waiting)

    def result(self, codec: Codec) -> dict[str, DeltaChannelHistory]:
        result: dict[str, DeltaChannelHistory] = {}
        for channel in self.channels:
            found = reversed(self.writes.get(channel, []))
            result[channel] = {"writes": [pending(codec, write) for write in found]}
            if channel in self.seeds:
                result[channel]["seed"] = load(codec, self.seeds[channel])
        return result


@dataclass(frozen=True)
class _Ancestor:
    header: Header
    writes: list[StoredWrite]
    seeds: list[tuple[str, Entry]]  # of the channels whose walk ends here


def walk_stored(
    source: Source, thread_id: str, child: Header, channels: Sequence[str], held: Sequence[Found] | None = None
) -> Walk:
    """Walk from the parent of `child` back to the snapshots of these channels, through what is `held` or else read.

    Reads the range of keys back to the oldest snapshot at once: one query a megabyte, and one more for the
    snapshots. Raises BrokenThreadError where an ancestor is missing that was not pruned.
    """
    walk = Walk(channels)
    path = list(_path(source, thread_id, child, set(channels), held))
    wanted = [
        contents.wanted_entry(thread_id, ancestor.header, channel, entry)
        for ancestor in path
        for channel, entry in ancestor.seeds
    ]
    wanted += [
        contents.wanted_write(thread_id, ancestor.header, write) for ancestor in path for write in ancestor.writes
    ]
    fetched = contents.fetch(source, thread_id, wanted)
    for ancestor in path:
        header = ancestor.header
        walk.visit(fetched.write(thread_id, header, write) for write in ancestor.writes)
        for channel, entry in ancestor.seeds:
            seed = contents.wanted_entry(thread_id, header, channel, entry)
            walk.seeds[channel], known = fetched.value(seed, delta=entry.snapshot_of is not None)
            walk.entries[channel] = entry
            walk.lists.update(((channel, way), found) for way, found in known.items())
    return walk


def _path(
    source: Source, thread_id: str, child: Header, wanted: set[str], held: Sequence[Found] | None = None
) -> Iterator[_Ancestor]:
    """The ancestors of `child`, newest first, until each wanted channel has its seed."""
    if not child.parent_id or not wanted:
        return
    for page in [held] if held else _pages(source, thread_id, child, wanted):
        for found in page:
            if not _goes_on(thread_id, child, wanted):
                return
            if found.checkpoint_id < child.parent_id:
                break
            if found.checkpoint_id == child.parent_id:
                ancestor = _ancestor(source, thread_id, found, wanted)
                yield ancestor
                child, wanted = ancestor.header, wanted - {channel for channel, _ in ancestor.seeds}
    # Ids come from several clocks, so that a parent may sort after its child or before the range.
    if child.parent_id and _goes_on(thread_id, child, wanted):
        lost = heads.exact(source.client, source.table, thread_id, child.namespace, child.parent_id)
        if lost is None:
            raise BrokenThreadError(f"checkpoint {child.parent_id} of thread {thread_id} is missing from the history")
        ancestor = _ancestor(source, thread_id, lost, wanted)
        yield ancestor
        yield from _path(source, thread_id, ancestor.header, wanted - {channel for channel, _ in ancestor.seeds})


def _pages(source: Source, thread_id: str, child: Header, wanted: set[str]) -> Iterator[list[Found]]:
    since, before = _oldest(child, wanted), child.checkpoint_id
    return heads.pages(source.client, source.table, thread_id, child.namespace, before=before, since=since)


def _goes_on(thread_id: str, child: Header, wanted: set[str]) -> bool:
    if wanted and child.parent_id and child.pruned:
        lost = ", ".join(sorted(wanted))
        raise BrokenThreadError(f"the history of {lost} of thread {thread_id} was pruned before {child.checkpoint_id}")
    return bool(wanted and child.parent_id)


def _ancestor(source: Source, thread_id: str, found: Found, wanted: set[str]) -> _Ancestor:
    header = contents.headers(source, thread_id, [found])[0]
    seeds = [(channel, header.entries[channel]) for channel in sorted(wanted) if channel in header.entries]
    writes = stored_writes(source, thread_id, [found])[0]
    return _Ancestor(header, [write for write in writes if write.position.channel in wanted], seeds)


def _oldest(child: Header, wanted: set[str]) -> str | None:
    """The id of the oldest snapshot that is needed, if each channel has one."""
    taken = [child.seeds[channel].snapshot_of for channel in wanted if channel in child.seeds]
    known = [checkpoint_id for checkpoint_id in taken if checkpoint_id]
    return min(known) if known and len(known) == len(wanted) else None
