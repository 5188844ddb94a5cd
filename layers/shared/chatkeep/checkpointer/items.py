"""From values to rows, and to the items that hold them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from chatkeep.checkpoint_items import keys
from chatkeep.checkpoint_items.requests import Item
from chatkeep.checkpoint_items.table import DATA, PAYLOAD, RUN
from chatkeep.checkpointer.checkpoint import Slot
from chatkeep.checkpointer.codec import Codec, Digested, Frame, pack
from chatkeep.checkpointer.lists import INLINE_BYTES, KnownList, NewRow, arrange
from chatkeep.checkpointer.record import Blob, Header, Stored, StoredList, Value, pack_header

PART_BYTES = 380_000  # an item may have 400 KB, its key and names included


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
        assert stored.inline
        token = keys.new_token()
        items = self._parts(keys.join(folder, token), self.codec.seal(pack(stored.inline)))
        return replace(stored, rest=Blob(token, len(items))), items

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
        arrangement = arrange(
            frames,
            self.before.get(slot),
            [*self.known.values(), *self.before.values(), *self.maker.nearby],
            read=self.read.get(slot),
            fresh=self.fresh,
            inline_bytes=self.inline_bytes,
        )
        self.known[slot] = arrangement.known
        self.add(arrangement.rows)
        return arrangement.stored

    def add(self, rows: Iterable[NewRow]) -> None:
        for row in rows:
            self.rows.append(row)
            (self.claims if row.claim else self.payload).extend(self.maker.row(row))
