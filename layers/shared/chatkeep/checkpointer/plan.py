"""From a new checkpoint to items: which to write, in which order, and what is known of them afterwards."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from chatkeep.checkpoint_items import keys
from chatkeep.checkpoint_items.requests import Item
from chatkeep.checkpointer.checkpoint import KnownCheckpoint, NewCheckpoint, Slot
from chatkeep.checkpointer.codec import Digested, Frame
from chatkeep.checkpointer.delta_rows import continued
from chatkeep.checkpointer.header import Entry, Header, StoredList
from chatkeep.checkpointer.items import ItemMaker, Layout
from chatkeep.checkpointer.lists import NewRow
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
    writes: Iterable[Write] = (),
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


def _entries(layout: Layout, new: NewCheckpoint, parent: KnownCheckpoint | None) -> dict[str, Entry]:
    entries: dict[str, Entry] = {}
    for channel, value in new.changed.items():
        entries[channel] = Entry(layout.place(channel, value), new.checkpoint_id if value.delta else None)
    for channel in new.carried if parent else ():
        entries[channel] = parent.header.entries[channel]  # type: ignore[union-attr]
    return entries


def _continue_deltas(
    layout: Layout, channels: Iterable[str], parent: KnownCheckpoint | None, writes: Iterable[Write]
) -> tuple[dict[str, list[Frame]], dict[str, StoredList]]:
    """The elements that wait, and the early rows, of the DeltaChannels without a value here."""
    waiting: dict[str, list[Frame]] = {}
    stored: dict[str, StoredList] = {}
    ordered = sorted(writes, key=lambda write: write.position.order)
    for channel in sorted(channels):
        found = continued(channel, parent, ordered, fresh=layout.fresh)
        layout.add(found.rows)
        if found.stored:
            stored[channel] = found.stored
        if found.known and found.waiting is not None:
            layout.known[channel, ()] = found.known
            waiting[channel] = found.waiting
    return waiting, stored


def _outsource(maker: ItemMaker, entries: dict[str, Entry], new: NewCheckpoint) -> list[Item]:
    """Move inline values that are too large, or do not change and would be written again, to items of their own."""
    left = INLINE_BUDGET
    items: list[Item] = []
    inline = [(channel, rest) for channel, entry in entries.items() if (rest := entry.stored.inline)]
    for channel, (_, data) in sorted(inline, key=lambda found: len(found[1][1])):
        most = CHANGED_BYTES if channel in new.changed else CARRIED_BYTES
        if len(data) <= min(most, left):
            left -= len(data)
            continue
        stored, more = maker.outsource(keys.values(maker.namespace, channel), entries[channel].stored)
        entries[channel] = replace(entries[channel], stored=stored)
        items += more
    return items


def _seeds(new: NewCheckpoint, parent: KnownCheckpoint | None, entries: dict[str, Entry]) -> dict[str, Entry]:
    """The last snapshots of DeltaChannels without a value here: where their history begins."""
    if parent is None:
        return {}
    taken = {channel: entry for channel, entry in parent.header.entries.items() if entry.snapshot_of}
    seeds = {**parent.header.seeds, **taken}
    return {channel: entry for channel, entry in seeds.items() if channel in new.versions and channel not in entries}
