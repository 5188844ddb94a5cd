"""From a new checkpoint to the items that store it: which to write, and the checkpoint as it is known afterwards."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from chatkeep.checkpoint_items import keys
from chatkeep.checkpoint_items.requests import Item
from chatkeep.checkpoint_items.table import DATA, PAYLOAD, RUN
from chatkeep.checkpointer.checkpoint import KnownCheckpoint, NewCheckpoint, Slot
from chatkeep.checkpointer.codec import Codec, Digested, Frame, pack
from chatkeep.checkpointer.delta_rows import NOTHING, continued, elements
from chatkeep.checkpointer.lists import INLINE_BYTES, KnownList, NewRow, arrange
from chatkeep.checkpointer.record import Header, Stored, StoredList, Value, pack_header
from chatkeep.checkpointer.writes import Write

PART_BYTES = 380_000  # an item may have 400 KB, its key and names included
CARRIED_BYTES = 256  # a value that stays inline although it does not change
CHANGED_BYTES = 1_024  # a value that is inline in the checkpoint that changes it
INLINE_BUDGET = 2_048  # of all inline values in one header


def split(sealed: bytes) -> list[bytes]:
    """At least one part, each small enough for an item."""
    return [sealed[start : start + PART_BYTES] for start in range(0, len(sealed), PART_BYTES)] or [b""]


@dataclass(frozen=True)
class ItemMaker:
    """Makes the items of one namespace; `nearby` are lists of other namespaces of the thread, to share rows with."""

    codec: Codec
    thread_id: str
    namespace: str
    nearby: tuple[KnownList, ...] = ()

    def _parts(self, sort_key: str, sealed: bytes) -> list[Item]:
        """Sealed data in at least one item."""
        parts = split(sealed)
        places = [keys.primary(self.thread_id, name) for name in keys.parts(sort_key, len(parts))]
        return [{**place, DATA: {"B": part}} for place, part in zip(places, parts, strict=True)]

    def row(self, row: NewRow) -> list[Item]:
        sealed = self.codec.seal([pack(frame) for frame in row.frames])
        return self._parts(keys.row(row.ref.generation, row.ref.row), sealed)

    def outsource(self, folder: str, stored: Stored) -> tuple[Stored, list[Item]]:
        """A value with its inline rest moved to items of its own, whose keys begin with `folder`, and these."""
        assert stored.rest
        token = keys.new_token()
        items = self._parts(keys.join(folder, token), self.codec.seal(pack(stored.rest)))
        return replace(stored, rest=None, blob=(token, len(items))), items

    def header(self, header: Header, run_id: str | None) -> tuple[Item, list[Item]]:
        """The header's item, and those its payload needs besides when it is too large for one."""
        sort_key = keys.header(self.namespace, header.checkpoint_id)
        item, more = self.named(sort_key, header.checkpoint_id, pack_header(header))
        if run_id:
            item[RUN] = {"S": str(run_id)}
        return item, more

    def named(
        self, sort_key: str, checkpoint_id: str, packable: Any, most: int | None = None
    ) -> tuple[Item, list[Item]]:
        """An item with a payload of at most so many bytes, or else with the name of the items that have it."""
        own = keys.primary(self.thread_id, sort_key)
        sealed = self.codec.seal(packable)
        if len(sealed) <= (most or PART_BYTES):
            return {**own, DATA: {"B": sealed}}, []
        token = keys.new_token()
        more = self._parts(keys.join(keys.oversize(self.namespace, checkpoint_id), token), sealed)
        return {**own, PAYLOAD: {"S": keys.join(token, str(len(more)))}}, more


@dataclass
class Layout:
    """Finds places for values one after another, and collects the rows that this needs and the lists then known.

    A list goes on from the one that `before` has for it, else it shares elements with any other. Elements that it has
    in common with the list that was `read` are not hashed again.
    """

    maker: ItemMaker
    before: Mapping[Slot, KnownList]
    read: Mapping[Slot, Digested] = field(default_factory=dict)
    fresh: bool = False
    inline_bytes: int = INLINE_BYTES
    known: dict[Slot, KnownList] = field(default_factory=dict)
    rows: list[NewRow] = field(default_factory=list)
    claims: list[Item] = field(default_factory=list)
    payload: list[Item] = field(default_factory=list)

    def place(self, channel: str, value: Value) -> Stored:
        """Where the value will lie; all that is in no row is inline yet."""
        return Stored(value.rest, {path: self._list((channel, path), frames) for path, frames in value.lists.items()})

    def _list(self, slot: Slot, frames: list[Frame]) -> StoredList:
        rows, known = arrange(
            frames,
            self.before.get(slot),
            [*self.known.values(), *self.before.values(), *self.maker.nearby],
            read=self.read.get(slot),
            fresh=self.fresh,
            inline_bytes=self.inline_bytes,
        )
        self.known[slot] = known
        self.add(rows)
        return known.stored(frames)

    def add(self, rows: Iterable[NewRow]) -> None:
        for row in rows:
            self.rows.append(row)
            (self.claims if row.claim else self.payload).extend(self.maker.row(row))


@dataclass
class Plan:
    """`claims` and `payload` come first; `header` makes the checkpoint visible. A claim needs a key that is free.

    `rows` are those among them, as they were before they were serialized.
    """

    header: Item
    known: KnownCheckpoint
    rows: list[NewRow]
    claims: list[Item] = field(default_factory=list)
    payload: list[Item] = field(default_factory=list)


def plan(
    maker: ItemMaker,
    new: NewCheckpoint,
    parent: KnownCheckpoint | None,
    parent_id: str | None,
    writes: Iterable[Write[Value]] = (),
    *,
    read: Mapping[Slot, Digested] | None = None,
    fresh: bool = False,
) -> Plan:
    """The items that store a checkpoint on top of `parent`, which has these pending writes.

    `read` are lists of the parent as they were read, where they were. With `fresh`, none of the items claims a key that
    others may want.
    """
    layout = Layout(maker, parent.lists if parent else {}, read or {}, fresh)
    entries = _entries(layout, new, parent)
    outsourced = _outsource(maker, entries, new)
    seeds = _seeds(new, parent, entries)
    waiting, delta_rows = _continue_deltas(layout, new.delta_pending - entries.keys(), parent, writes)
    header = Header(maker.namespace, new.checkpoint_id, parent_id, new.frame, entries, seeds, delta_rows)
    item, more = maker.header(header, new.run_id)
    kept = {slot: known for slot, known in layout.before.items() if slot[0] in new.carried or slot[0] in seeds}
    known = KnownCheckpoint(header, new.versions, {**kept, **layout.known}, waiting)
    return Plan(item, known, layout.rows, layout.claims, [*layout.payload, *outsourced, *more])


def _entries(layout: Layout, new: NewCheckpoint, parent: KnownCheckpoint | None) -> dict[str, Stored]:
    entries: dict[str, Stored] = {}
    for channel, value in new.changed.items():
        stored = layout.place(channel, value)
        entries[channel] = replace(stored, snapshot_of=new.checkpoint_id) if value.delta else stored
    for channel in new.carried if parent else ():
        entries[channel] = parent.header.entries[channel]  # type: ignore[union-attr]
    return entries


def _continue_deltas(
    layout: Layout, channels: Collection[str], parent: KnownCheckpoint | None, writes: Iterable[Write[Value]]
) -> tuple[dict[str, list[Frame]], dict[str, StoredList]]:
    """The elements that wait, and the early rows, of the DeltaChannels without a value here."""
    waiting: dict[str, list[Frame]] = {}
    before = parent.header.delta_rows if parent else {}
    early = {channel: before[channel] for channel in channels if channel in before}
    ordered = sorted(writes, key=lambda write: write.order)
    for channel in sorted(channels):
        waited = _waited(channel, parent)
        if waited is None:
            continue
        known = layout.before.get((channel, ()), NOTHING)
        more = [*waited, *elements(ordered, channel)]
        rows, layout.known[channel, ()], stored, waiting[channel] = continued(
            known, early.get(channel), more, fresh=layout.fresh
        )
        layout.add(rows)
        if stored:
            early[channel] = stored
    return waiting, early


def _waited(channel: str, parent: KnownCheckpoint | None) -> list[Frame] | None:
    """The elements waiting at the parent; None where nobody has read the history, or it cannot be told."""
    if parent is None or channel not in parent.versions or channel in parent.header.entries:
        return []
    return parent.waiting.get(channel)


def _outsource(maker: ItemMaker, entries: dict[str, Stored], new: NewCheckpoint) -> list[Item]:
    """Move inline values that are too large, or do not change and would be written again, to items of their own."""
    left = INLINE_BUDGET
    items: list[Item] = []
    inline = [(channel, rest) for channel, entry in entries.items() if (rest := entry.rest)]
    for channel, (_, data) in sorted(inline, key=lambda found: len(found[1][1])):
        most = CHANGED_BYTES if channel in new.changed else CARRIED_BYTES
        if len(data) <= min(most, left):
            left -= len(data)
            continue
        entries[channel], more = maker.outsource(keys.values(maker.namespace, channel), entries[channel])
        items += more
    return items


def _seeds(new: NewCheckpoint, parent: KnownCheckpoint | None, entries: dict[str, Stored]) -> dict[str, Stored]:
    """The last snapshots of DeltaChannels without a value here: where their history begins."""
    if parent is None:
        return {}
    taken = {channel: entry for channel, entry in parent.header.entries.items() if entry.snapshot_of}
    seeds = {**parent.header.seeds, **taken}
    return {channel: entry for channel, entry in seeds.items() if channel in new.versions and channel not in entries}
