"""From a new checkpoint to items: which to write and in which order, and the checkpoint as it is known afterwards."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace

from chatkeep.checkpoint_items import keys
from chatkeep.checkpoint_items.requests import Item
from chatkeep.checkpointer.checkpoint import KnownCheckpoint, NewCheckpoint, Slot
from chatkeep.checkpointer.codec import Digested, Frame
from chatkeep.checkpointer.delta_rows import continued
from chatkeep.checkpointer.items import ItemMaker, Layout
from chatkeep.checkpointer.lists import NewRow
from chatkeep.checkpointer.record import Header, Stored, StoredList, Value
from chatkeep.checkpointer.writes import Write

CARRIED_BYTES = 256  # a value that stays inline although it does not change
CHANGED_BYTES = 1_024  # a value that is inline in the checkpoint that changes it
INLINE_BUDGET = 2_048  # of all inline values in one header


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
        if found := continued(channel, parent, ordered, fresh=layout.fresh):
            arrangement, waiting[channel] = found
            layout.known[channel, ()] = arrangement.known
            layout.add(arrangement.rows)
            if arrangement.stored.pieces:
                early[channel] = arrangement.stored
    return waiting, early


def _outsource(maker: ItemMaker, entries: dict[str, Stored], new: NewCheckpoint) -> list[Item]:
    """Move inline values that are too large, or do not change and would be written again, to items of their own."""
    left = INLINE_BUDGET
    items: list[Item] = []
    inline = [(channel, rest) for channel, entry in entries.items() if (rest := entry.inline)]
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
