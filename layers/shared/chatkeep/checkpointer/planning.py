"""From a snapshot to items: which to write, in which order, and what is known of them afterwards."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from chatkeep.checkpoint_items import keys
from chatkeep.checkpoint_items.requests import Item
from chatkeep.checkpointer.ahead import Histories
from chatkeep.checkpointer.manifest import Entry, Header, Inline, whole
from chatkeep.checkpointer.marks import Marked
from chatkeep.checkpointer.rows import Draft
from chatkeep.checkpointer.shelf import Shelf, Writer
from chatkeep.checkpointer.snapshot import Known, Slot, Snapshot
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
    known: Known
    rows: list[Draft]
    claims: list[Item] = field(default_factory=list)
    payload: list[Item] = field(default_factory=list)


def plan(
    writer: Writer,
    snapshot: Snapshot,
    parent: Known | None,
    parent_id: str | None,
    writes: Iterable[Write] = (),
    *,
    read: Mapping[Slot, Marked] | None = None,
    fresh: bool = False,
) -> Plan:
    """The items that store `snapshot` on top of `parent`, which has these pending writes.

    `read` are lists of the parent as they were read, where they were. With `fresh`, none of the items claims a key that
    others may want.
    """
    shelf = Shelf(writer, parent.lists if parent else {}, read or {}, fresh)
    entries: dict[str, Entry] = {}
    for channel, value in snapshot.changed.items():
        entries[channel] = Entry(shelf.stored(channel, value), snapshot.checkpoint_id if value.delta else None)
    for channel in snapshot.carried if parent else ():
        entries[channel] = parent.header.entries[channel]  # type: ignore[union-attr]
    values = _outsource(writer, entries, snapshot)
    seeds = _seeds(snapshot, parent, entries)
    kept = {slot: known for slot, known in shelf.before.items() if slot[0] in snapshot.carried or slot[0] in seeds}
    histories = Histories(shelf, parent, sorted(writes, key=lambda write: write.position.order))
    for channel in sorted(snapshot.delta_pending - entries.keys()):
        histories.go_on(channel)
    ahead = histories.ahead
    header = Header(writer.namespace, snapshot.checkpoint_id, parent_id, snapshot.frame, entries, seeds, ahead)
    item, more = writer.header(header, snapshot.run_id)
    known = Known(header, snapshot.versions, {**kept, **shelf.known}, histories.waiting)
    return Plan(item, known, shelf.drafts, shelf.claims, [*shelf.rows, *values, *more])


def _outsource(writer: Writer, entries: dict[str, Entry], snapshot: Snapshot) -> list[Item]:
    """Move inline values that are too large, or do not change and would be written again, to items of their own."""
    left = INLINE_BUDGET
    items: list[Item] = []
    wholes = [(channel, whole(entry.stored)) for channel, entry in entries.items()]
    inline = [(channel, found.frame) for channel, found in wholes if isinstance(found, Inline)]
    for channel, frame in sorted(inline, key=lambda found: len(found[1][1])):
        most = CHANGED_BYTES if channel in snapshot.changed else CARRIED_BYTES
        if len(frame[1]) <= min(most, left):
            left -= len(frame[1])
            continue
        stored, more = writer.moved(keys.values(writer.namespace, channel), entries[channel].stored, frame)
        entries[channel] = replace(entries[channel], stored=stored)
        items += more
    return items


def _seeds(snapshot: Snapshot, parent: Known | None, entries: dict[str, Entry]) -> dict[str, Entry]:
    """The last snapshots of DeltaChannels without a value here: where their history begins."""
    if parent is None:
        return {}
    taken = {channel: entry for channel, entry in parent.header.entries.items() if entry.snapshot_of}
    seeds = {**parent.header.seeds, **taken}
    return {
        channel: entry for channel, entry in seeds.items() if channel in snapshot.versions and channel not in entries
    }
