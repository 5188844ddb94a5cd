"""The history of DeltaChannels: the writes of the ancestors, back to the snapshot that they build on."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from chatkeep.checkpointer import finding
from chatkeep.checkpointer.checkpoint import KnownCheckpoint, LoadedCheckpoint, Slot
from chatkeep.checkpointer.delta_rows import NOTHING, elements, recall
from chatkeep.checkpointer.fetching import read_payloads
from chatkeep.checkpointer.finding import CheckpointItems, read_headers, read_writes
from chatkeep.checkpointer.lists import KnownList
from chatkeep.checkpointer.payloads import wanted_entry, wanted_write
from chatkeep.checkpointer.record import Header, Stored, Value
from chatkeep.checkpointer.storage import Storage
from chatkeep.checkpointer.writes import Write
from chatkeep.errors import BrokenThreadError


@dataclass
class Walk:
    """Collects, newest ancestor first, the writes of each channel until its seed is met."""

    channels: Sequence[str]
    writes: dict[str, list[Write[Value]]] = field(default_factory=dict)
    seeds: dict[str, Value] = field(default_factory=dict)
    entries: dict[str, Stored] = field(default_factory=dict)  # where the seeds lie
    lists: dict[Slot, KnownList] = field(default_factory=dict)  # in the seeds

    @property
    def wanted(self) -> list[str]:
        return [channel for channel in self.channels if channel not in self.seeds]

    def visit(self, writes: Iterable[Write[Value]]) -> None:
        """An ancestor's writes; those to channels whose seed is known already are in it."""
        wanted = set(self.wanted)
        for write in sorted(writes, key=lambda found: found.order, reverse=True):
            if write.channel in wanted:
                self.writes.setdefault(write.channel, []).append(write)

    def go_on_with(self, older: "Walk") -> None:
        """Add the writes and seeds found further back."""
        for channel, writes in older.writes.items():
            self.writes.setdefault(channel, []).extend(writes)
        self.seeds.update(older.seeds)

    def informed(self, known: KnownCheckpoint) -> KnownCheckpoint:
        """The checkpoint that the walk began at, with the lists of its DeltaChannels and the elements that wait."""
        lists, waiting = dict(known.lists), dict(known.waiting)
        for channel in self.channels:
            if channel in waiting or known.header.seeds.get(channel) != self.entries.get(channel):
                continue
            lists.update((slot, found) for slot, found in self.lists.items() if slot[0] == channel)
            written = elements(self.oldest_first(channel), channel)
            recalled = recall(known.header.delta_rows.get(channel), lists.get((channel, ()), NOTHING), written)
            if recalled:
                lists[channel, ()], waiting[channel] = recalled
        return replace(known, lists=lists, waiting=waiting)

    def visit_loaded(self, ancestor: LoadedCheckpoint) -> None:
        """An ancestor that was staged or read whole: its writes, and its values as seeds."""
        self.visit(ancestor.writes)
        for channel in self.wanted:
            if channel in ancestor.values:
                self.seeds[channel] = ancestor.values[channel]

    def oldest_first(self, channel: str) -> list[Write[Value]]:
        return self.writes.get(channel, [])[::-1]


_Ancestor = tuple[Header, list[Write[Stored]], list[tuple[str, Stored]]]
"""A header, the writes to the channels that are wanted, and the seeds of those whose walk ends here."""


def walk_stored(
    storage: Storage,
    thread_id: str,
    child: Header,
    channels: Sequence[str],
    held: Sequence[CheckpointItems] | None = None,
) -> Walk:
    """Walk from the parent of `child` back to the snapshots of these channels, through the items `held` or else read.

    Reads the range of keys back to the oldest snapshot at once: one query per megabyte, and one more for the
    snapshots. Raises BrokenThreadError where an ancestor is missing that was not pruned.
    """
    walk = Walk(channels)
    path = list(_path(storage, thread_id, child, set(channels), held))
    wanted = [wanted_entry(thread_id, header, *seed) for header, _, seeds in path for seed in seeds]
    wanted += [wanted_write(thread_id, header, write) for header, writes, _ in path for write in writes]
    payloads = read_payloads(storage, thread_id, wanted)
    for header, writes, seeds in path:
        walk.visit(payloads.write(thread_id, header, write) for write in writes)
        for channel, entry in seeds:
            walk.seeds[channel], known = payloads.value(wanted_entry(thread_id, header, channel, entry))
            walk.entries[channel] = entry
            walk.lists.update(((channel, way), found) for way, found in known.items())
    return walk


def _path(
    storage: Storage, thread_id: str, child: Header, wanted: set[str], held: Sequence[CheckpointItems] | None = None
) -> Iterator[_Ancestor]:
    """The ancestors of `child`, newest first, until each wanted channel has its seed."""
    seen = {child.checkpoint_id}
    while _goes_on(thread_id, child, wanted):
        for ancestor in _stretch(storage, thread_id, child, wanted, held):
            child, _, seeds = ancestor
            wanted = wanted - {channel for channel, _ in seeds}
            if child.checkpoint_id in seen:
                raise BrokenThreadError(f"checkpoint {child.checkpoint_id} of thread {thread_id} is its own ancestor")
            seen.add(child.checkpoint_id)
            yield ancestor
        held = None


def _stretch(
    storage: Storage, thread_id: str, child: Header, wanted: set[str], held: Sequence[CheckpointItems] | None
) -> Iterator[_Ancestor]:
    """The ancestors that come in the order of their ids, and the next one, which does not: ids are of several clocks.

    A parent may sort after its child or before the range.
    """
    ordered = str(child.parent_id) < child.checkpoint_id
    for page in [held] if held else _pages(storage, thread_id, child, wanted) if ordered else ():
        for found in page:
            if not _goes_on(thread_id, child, wanted):
                return
            if found.checkpoint_id < str(child.parent_id):
                break
            if found.checkpoint_id == child.parent_id:
                child, writes, seeds = _ancestor(storage, thread_id, found, wanted)
                yield child, writes, seeds
                wanted = wanted - {channel for channel, _ in seeds}
    if child.parent_id and _goes_on(thread_id, child, wanted):
        lost = finding.exact(storage.client, storage.table, thread_id, child.namespace, child.parent_id)
        if lost is None:
            raise BrokenThreadError(f"checkpoint {child.parent_id} of thread {thread_id} is missing from the history")
        yield _ancestor(storage, thread_id, lost, wanted)


def _pages(storage: Storage, thread_id: str, child: Header, wanted: set[str]) -> Iterator[list[CheckpointItems]]:
    since, before = _oldest(child, wanted), child.checkpoint_id
    return finding.pages(storage.client, storage.table, thread_id, child.namespace, before=before, since=since)


def _goes_on(thread_id: str, child: Header, wanted: set[str]) -> bool:
    if wanted and child.parent_id and child.pruned:
        lost = ", ".join(sorted(wanted))
        raise BrokenThreadError(f"the history of {lost} of thread {thread_id} was pruned before {child.checkpoint_id}")
    return bool(wanted and child.parent_id)


def _ancestor(storage: Storage, thread_id: str, found: CheckpointItems, wanted: set[str]) -> _Ancestor:
    header = read_headers(storage, thread_id, [found])[0]
    seeds = [(channel, header.entries[channel]) for channel in sorted(wanted) if channel in header.entries]
    writes = read_writes(storage, thread_id, [found])[0]
    return header, [write for write in writes if write.channel in wanted], seeds


def _oldest(child: Header, wanted: set[str]) -> str | None:
    """The id of the oldest snapshot that is needed, if each channel has one."""
    taken = [child.seeds[channel].snapshot_of for channel in wanted if channel in child.seeds]
    known = [checkpoint_id for checkpoint_id in taken if checkpoint_id]
    return min(known) if known and len(known) == len(wanted) else None
