"""From a snapshot to items: which to write, in which order, and what is known of them afterwards."""

from dataclasses import dataclass, field, replace
from typing import Any

from chatkeep.checkpoint_items import keys, payload
from chatkeep.checkpoint_items.requests import Item, key
from chatkeep.checkpointer.codec import Codec, pack
from chatkeep.checkpointer.manifest import Blob, Entry, Header, Inline, Rows, packed_header
from chatkeep.checkpointer.rows import Draft, KnownList, arrange, new_token
from chatkeep.checkpointer.snapshot import Known, Single, Snapshot

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
    """Where the items of one namespace go."""

    codec: Codec
    thread_id: str
    namespace: str

    def items(self, sort_key: str, packable: Any) -> list[Item]:
        parts = payload.split(self.codec.seal(packable))
        names = keys.parts(sort_key, len(parts))
        return [{**key(self.thread_id, name), DATA: {"B": part}} for name, part in zip(names, parts, strict=True)]

    def row(self, channel: str, draft: Draft) -> list[Item]:
        ref = draft.ref
        return self.items(
            keys.row(self.namespace, channel, ref.generation, ref.row), [pack(frame) for frame in draft.frames]
        )

    def header(self, header: Header, run_id: str | None) -> tuple[Item, list[Item]]:
        """The header's item, and those its payload needs besides when it is too large for one."""
        items = self.items(keys.header(self.namespace, header.checkpoint_id), packed_header(header))
        more: list[Item] = []
        item = items[0]
        if len(items) > 1:
            token = new_token()
            more = self.items(keys.oversize(self.namespace, header.checkpoint_id, token), packed_header(header))
            item = {**key(self.thread_id, keys.header(self.namespace, header.checkpoint_id))}
            item[PAYLOAD] = {"S": f"{token}{keys.SEPARATOR}{len(more)}"}
        if run_id:
            item[RUN] = {"S": str(run_id)}
        return item, more


def plan(
    writer: Writer, snapshot: Snapshot, parent: Known | None, parent_id: str | None, *, fresh: bool = False
) -> Plan:
    """The items that store `snapshot` on top of `parent`. With `fresh`, none of them claims a key others may want."""
    entries: dict[str, Entry] = {}
    lists: dict[str, KnownList] = {}
    claims: list[Item] = []
    items: list[Item] = []
    for channel, value in snapshot.changed.items():
        snapshot_of = snapshot.checkpoint_id if value.delta else None
        if isinstance(value, Single):
            entries[channel] = Entry(Inline(value.frame), snapshot_of)
            continue
        old = _list_before(channel, parent)
        arrangement = arrange(value.frames, parent.lists.get(channel) if parent and old else None, old, fresh=fresh)
        entries[channel] = Entry(arrangement.rows, snapshot_of)
        lists[channel] = arrangement.known
        for draft in arrangement.drafts:
            (claims if draft.claim else items).extend(writer.row(channel, draft))
    for channel in snapshot.carried if parent else ():
        entries[channel] = parent.header.entries[channel]  # type: ignore[union-attr]
    items += _outsource(writer, entries, snapshot)
    seeds = _seeds(snapshot, parent, entries)
    if parent:
        lists.update((c, known) for c, known in parent.lists.items() if c in snapshot.carried or c in seeds)
    header = Header(writer.namespace, snapshot.checkpoint_id, parent_id, snapshot.frame, entries, seeds)
    item, more = writer.header(header, snapshot.run_id)
    return Plan(item, Known(header, snapshot.versions, lists), claims, items + more)


def _list_before(channel: str, parent: Known | None) -> Rows | None:
    entry = parent and (parent.header.entries.get(channel) or parent.header.seeds.get(channel))
    return entry.stored if entry and isinstance(entry.stored, Rows) else None


def _outsource(writer: Writer, entries: dict[str, Entry], snapshot: Snapshot) -> list[Item]:
    """Move inline values that are too large, or do not change and would be written again, to items of their own."""
    left = INLINE_BUDGET
    items: list[Item] = []
    inline = [
        (channel, entry, entry.stored.frame) for channel, entry in entries.items() if isinstance(entry.stored, Inline)
    ]
    for channel, entry, frame in sorted(inline, key=lambda found: len(found[2][1])):
        most = CHANGED_BYTES if channel in snapshot.changed else CARRIED_BYTES
        if len(frame[1]) <= min(most, left):
            left -= len(frame[1])
            continue
        token = new_token()
        parts = writer.items(keys.value(writer.namespace, channel, token), pack(frame))
        entries[channel] = replace(entry, stored=Blob(token, len(parts)))
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
