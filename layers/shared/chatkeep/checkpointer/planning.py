"""From a snapshot to items: which to write, in which order, and what is known of them afterwards."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from chatkeep.checkpoint_items import keys, payload
from chatkeep.checkpoint_items.requests import Item, key
from chatkeep.checkpointer.codec import Codec, Frame, pack
from chatkeep.checkpointer.manifest import (
    Blob,
    Entry,
    Header,
    Inline,
    Outlined,
    Rows,
    Stored,
    inline_frame,
    moved,
    packed_header,
)
from chatkeep.checkpointer.rows import INLINE_BYTES, Draft, KnownList, arrange, new_token
from chatkeep.checkpointer.snapshot import Elements, Known, Single, Slot, Snapshot, Value

DATA, PAYLOAD, RUN, PRUNED = "d", "x", "r", "q"  # attributes of the items
CARRIED_BYTES = 256  # a value that stays inline although it does not change
CHANGED_BYTES = 1_024  # a value that is inline in the checkpoint that changes it
INLINE_BUDGET = 2_048  # of all inline values in one header


@dataclass
class Plan:
    """`claims` and `payload` come first; `header` makes the checkpoint visible. A claim needs a key that is free."""

    header: Item
    known: Known
    claims: list[Item] = field(default_factory=list)
    payload: list[Item] = field(default_factory=list)


@dataclass(frozen=True)
class Writer:
    """Where the items of one namespace go; `nearby` are lists of other namespaces of the thread, to share rows with."""

    codec: Codec
    thread_id: str
    namespace: str
    nearby: tuple[KnownList, ...] = ()

    def items(self, sort_key: str, packable: Any) -> list[Item]:
        parts = payload.split(self.codec.seal(packable))
        names = keys.parts(sort_key, len(parts))
        return [{**key(self.thread_id, name), DATA: {"B": part}} for name, part in zip(names, parts, strict=True)]

    def row(self, draft: Draft) -> list[Item]:
        return self.items(keys.row(draft.ref.generation, draft.ref.row), [pack(frame) for frame in draft.frames])

    def header(self, header: Header, run_id: str | None) -> tuple[Item, list[Item]]:
        """The header's item, and those its payload needs besides when it is too large for one."""
        items = self.items(keys.header(self.namespace, header.checkpoint_id), packed_header(header))
        more: list[Item] = []
        item = items[0]
        if len(items) > 1:
            token = new_token()
            folder = keys.oversize(self.namespace, header.checkpoint_id)
            more = self.items(keys.join(folder, token), packed_header(header))
            item = {**key(self.thread_id, keys.header(self.namespace, header.checkpoint_id))}
            item[PAYLOAD] = {"S": f"{token}{keys.SEPARATOR}{len(more)}"}
        if run_id:
            item[RUN] = {"S": str(run_id)}
        return item, more


@dataclass
class Shelf:
    """Arranges values one after another, and collects the rows that this needs and what is known of the lists.

    A list goes on from the one that `before` has for it, else it shares what it can with any other.
    """

    writer: Writer
    before: Mapping[Slot, KnownList]
    fresh: bool = False
    inline_bytes: int = INLINE_BYTES
    known: dict[Slot, KnownList] = field(default_factory=dict)
    claims: list[Item] = field(default_factory=list)
    rows: list[Item] = field(default_factory=list)

    def stored(self, channel: str, value: Value) -> Stored:
        """Where the value will lie; what is not in a row is inline yet."""
        if isinstance(value, Single):
            return Inline(value.frame)
        if isinstance(value, Elements):
            return self._rows((channel, ()), value.frames)
        lists = {path: self._rows((channel, path), frames) for path, frames in value.lists.items()}
        return Outlined(Inline(value.frame), lists)

    def _rows(self, slot: Slot, frames: list[Frame]) -> Rows:
        others = [*self.known.values(), *self.before.values(), *self.writer.nearby]
        arrangement = arrange(frames, self.before.get(slot), others, fresh=self.fresh, inline_bytes=self.inline_bytes)
        self.known[slot] = arrangement.known
        for draft in arrangement.drafts:
            (self.claims if draft.claim else self.rows).extend(self.writer.row(draft))
        return arrangement.rows


def plan(
    writer: Writer, snapshot: Snapshot, parent: Known | None, parent_id: str | None, *, fresh: bool = False
) -> Plan:
    """The items that store `snapshot` on top of `parent`. With `fresh`, none of them claims a key others may want."""
    shelf = Shelf(writer, parent.lists if parent else {}, fresh)
    entries: dict[str, Entry] = {}
    for channel, value in snapshot.changed.items():
        entries[channel] = Entry(shelf.stored(channel, value), snapshot.checkpoint_id if value.delta else None)
    for channel in snapshot.carried if parent else ():
        entries[channel] = parent.header.entries[channel]  # type: ignore[union-attr]
    values = _outsource(writer, entries, snapshot)
    seeds = _seeds(snapshot, parent, entries)
    kept = {slot: known for slot, known in shelf.before.items() if slot[0] in snapshot.carried or slot[0] in seeds}
    header = Header(writer.namespace, snapshot.checkpoint_id, parent_id, snapshot.frame, entries, seeds)
    item, more = writer.header(header, snapshot.run_id)
    known = Known(header, snapshot.versions, {**kept, **shelf.known})
    return Plan(item, known, shelf.claims, [*shelf.rows, *values, *more])


def _outsource(writer: Writer, entries: dict[str, Entry], snapshot: Snapshot) -> list[Item]:
    """Move inline values that are too large, or do not change and would be written again, to items of their own."""
    left = INLINE_BUDGET
    items: list[Item] = []
    inline = [(channel, frame) for channel, entry in entries.items() if (frame := inline_frame(entry.stored))]
    for channel, frame in sorted(inline, key=lambda found: len(found[1][1])):
        most = CHANGED_BYTES if channel in snapshot.changed else CARRIED_BYTES
        if len(frame[1]) <= min(most, left):
            left -= len(frame[1])
            continue
        token = new_token()
        parts = writer.items(keys.join(keys.values(writer.namespace, channel), token), pack(frame))
        entries[channel] = replace(entries[channel], stored=moved(entries[channel].stored, Blob(token, len(parts))))
        items += parts
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
