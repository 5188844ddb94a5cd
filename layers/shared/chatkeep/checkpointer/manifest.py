"""What a header says: the checkpoint without its values, and where the value of each channel lies."""

from dataclasses import dataclass, field
from typing import Any

from chatkeep.checkpointer.codec import Frame, pack, unpack


@dataclass(frozen=True)
class Inline:
    """A small value in the header itself."""

    frame: Frame


@dataclass(frozen=True)
class Blob:
    """A value in items of its own; an unchanged one is referred to and not written again."""

    token: str
    parts: int


@dataclass(frozen=True)
class Ref:
    """Elements `start` to `stop` of a generation; `row` is the position at which the row with the first one begins."""

    generation: str
    row: int
    start: int
    stop: int


Piece = Ref | tuple[Frame, ...]


@dataclass(frozen=True)
class Rows:
    """A list in pieces: references to rows, and short stretches that lie in the header.

    New elements at the end go to generation `tail` at position `end`, which no other branch can claim as well.
    """

    tail: str
    end: int
    pieces: tuple[Piece, ...]


Stored = Inline | Blob | Rows


@dataclass(frozen=True)
class Entry:
    """Where a channel's value lies; `snapshot_of` is the checkpoint that took it, for a DeltaChannel's snapshot."""

    stored: Stored
    snapshot_of: str | None = None


@dataclass(frozen=True)
class Header:
    """A checkpoint's header. `seeds` are the last snapshots of the DeltaChannels that have no value here."""

    namespace: str
    checkpoint_id: str
    parent_id: str | None
    frame: Frame  # [checkpoint without id and values, metadata]
    entries: dict[str, Entry] = field(default_factory=dict)
    seeds: dict[str, Entry] = field(default_factory=dict)
    pruned: bool = False  # the checkpoints before this one were pruned, so that their absence is no damage


def packed_header(header: Header) -> list[Any]:
    return [
        header.namespace,
        header.parent_id,
        pack(header.frame),
        {channel: _pack_entry(entry) for channel, entry in header.entries.items()},
        {channel: _pack_entry(entry) for channel, entry in header.seeds.items()},
    ]


def unpacked_header(checkpoint_id: str, packed: list[Any], *, pruned: bool) -> Header:
    namespace, parent_id, frame, entries, seeds = packed
    return Header(
        namespace=namespace,
        checkpoint_id=checkpoint_id,
        parent_id=parent_id,
        frame=unpack(frame),
        entries={channel: _unpack_entry(entry) for channel, entry in entries.items()},
        seeds={channel: _unpack_entry(entry) for channel, entry in seeds.items()},
        pruned=pruned,
    )


def _pack_entry(entry: Entry) -> list[Any]:
    stored = entry.stored
    if isinstance(stored, Inline):
        packed: list[Any] = [entry.snapshot_of, 0, pack(stored.frame)]
    elif isinstance(stored, Blob):
        packed = [entry.snapshot_of, 1, stored.token, stored.parts]
    else:
        packed = [entry.snapshot_of, 2, stored.tail, stored.end, [_pack_piece(piece) for piece in stored.pieces]]
    return packed


def _unpack_entry(packed: list[Any]) -> Entry:
    snapshot_of, kind, *fields = packed
    if kind == 0:
        return Entry(Inline(unpack(fields[0])), snapshot_of)
    if kind == 1:
        return Entry(Blob(*fields), snapshot_of)
    tail, end, pieces = fields
    return Entry(Rows(tail, end, tuple(_unpack_piece(piece) for piece in pieces)), snapshot_of)


def _pack_piece(piece: Piece) -> list[Any]:
    if isinstance(piece, Ref):
        return [piece.generation, piece.row, piece.start, piece.stop]
    return [[pack(frame) for frame in piece]]


def _unpack_piece(packed: list[Any]) -> Piece:
    return Ref(*packed) if len(packed) == 4 else tuple(unpack(frame) for frame in packed[0])
