"""From values to rows, and to the items that hold them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from chatkeep.checkpoint_items import keys, payload
from chatkeep.checkpoint_items.requests import Item, key
from chatkeep.checkpoint_items.table import DATA, PAYLOAD, RUN
from chatkeep.checkpointer.codec import Codec, Frame, pack
from chatkeep.checkpointer.manifest import Blob, Header, Inline, Outlined, Rows, Stored, moved, packed_header
from chatkeep.checkpointer.marks import Marked
from chatkeep.checkpointer.rows import INLINE_BYTES, Draft, arrange, new_token
from chatkeep.checkpointer.snapshot import Elements, Single, Slot, Value
from chatkeep.checkpointer.stretches import KnownList


@dataclass(frozen=True)
class Writer:
    """Where the items of one namespace go; `nearby` are lists of other namespaces of the thread, to share rows with."""

    codec: Codec
    thread_id: str
    namespace: str
    nearby: tuple[KnownList, ...] = ()

    def items(self, sort_key: str, packable: Any) -> list[Item]:
        return self._parts(sort_key, self.codec.seal(packable))

    def _parts(self, sort_key: str, sealed: bytes) -> list[Item]:
        parts = payload.split(sealed)
        names = keys.parts(sort_key, len(parts))
        return [{**key(self.thread_id, name), DATA: {"B": part}} for name, part in zip(names, parts, strict=True)]

    def row(self, draft: Draft) -> list[Item]:
        return self.items(keys.row(draft.ref.generation, draft.ref.row), [pack(frame) for frame in draft.frames])

    def moved(self, folder: str, stored: Stored, frame: Frame) -> tuple[Stored, list[Item]]:
        """A value with its inline frame in items of its own, whose keys begin with `folder`, and these."""
        token = new_token()
        items = self.items(keys.join(folder, token), pack(frame))
        return moved(stored, Blob(token, len(items))), items

    def header(self, header: Header, run_id: str | None) -> tuple[Item, list[Item]]:
        """The header's item, and those its payload needs besides when it is too large for one."""
        sort_key = keys.header(self.namespace, header.checkpoint_id)
        item, more = self.named(sort_key, header.checkpoint_id, packed_header(header))
        if run_id:
            item[RUN] = {"S": str(run_id)}
        return item, more

    def named(
        self, sort_key: str, checkpoint_id: str, packable: Any, most: int = payload.PART_BYTES
    ) -> tuple[Item, list[Item]]:
        """An item with a payload of at most so many bytes, or else with the name of the items that have it."""
        own = key(self.thread_id, sort_key)
        sealed = self.codec.seal(packable)
        if len(sealed) <= most:
            return {**own, DATA: {"B": sealed}}, []
        token = new_token()
        more = self._parts(keys.join(keys.oversize(self.namespace, checkpoint_id), token), sealed)
        return {**own, PAYLOAD: {"S": keys.join(token, str(len(more)))}}, more


@dataclass
class Shelf:
    """Arranges values one after another, and collects the rows that this needs and what is known of the lists.

    A list goes on from the one that `before` has for it, else it shares what it can with any other. What it has in
    common with the one that was `read` is not hashed again.
    """

    writer: Writer
    before: Mapping[Slot, KnownList]
    read: Mapping[Slot, Marked] = field(default_factory=dict)
    fresh: bool = False
    inline_bytes: int = INLINE_BYTES
    known: dict[Slot, KnownList] = field(default_factory=dict)
    claims: list[Item] = field(default_factory=list)
    rows: list[Item] = field(default_factory=list)
    drafts: list[Draft] = field(default_factory=list)

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
        arrangement = arrange(
            frames,
            self.before.get(slot),
            others,
            read=self.read.get(slot),
            fresh=self.fresh,
            inline_bytes=self.inline_bytes,
        )
        self.known[slot] = arrangement.known
        self.add(arrangement.drafts)
        return arrangement.rows

    def add(self, drafts: Iterable[Draft]) -> None:
        for draft in drafts:
            self.drafts.append(draft)
            (self.claims if draft.claim else self.rows).extend(self.writer.row(draft))
