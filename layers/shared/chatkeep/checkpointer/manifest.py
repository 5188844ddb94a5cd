"""What a header says: the checkpoint without its values, and where the value of each channel lies."""

from dataclasses import dataclass, field, replace
from typing import Any

from chatkeep.checkpointer.codec import Frame, pack, unpack
from chatkeep.checkpointer.outline import Path
from chatkeep.errors import BrokenThreadError

_FORMAT = 1  # of a header and all that it refers to


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

    New elements at the end go to generation `tail` at position `end`, which no other branch can claim as well. `check`
    is a digest of the list, for one with references: a row is found by its key, which tells nothing of its content.
    """

    tail: str
    end: int
    pieces: tuple[Piece, ...]
    check: bytes = b""


@dataclass(frozen=True)
class Outlined:
    """A value without its long lists, and where these lie."""

    outline: Inline | Blob
    lists: dict[Path, Rows]


Stored = Inline | Blob | Rows | Outlined


def rows_in(stored: Stored) -> dict[Path, Rows]:
    """The lists of a stored value by their paths; of a value that is a list itself, the path is empty."""
    if isinstance(stored, Rows):
        return {(): stored}
    return stored.lists if isinstance(stored, Outlined) else {}


def refs_in(stored: Stored) -> list[Ref]:
    """The references to rows in a stored value."""
    return [piece for rows in rows_in(stored).values() for piece in rows.pieces if isinstance(piece, Ref)]


def whole(stored: Stored) -> Inline | Blob | None:
    """What of a value is in one piece: all of it, what is left without its long lists, or nothing of a list."""
    return stored.outline if isinstance(stored, Outlined) else None if isinstance(stored, Rows) else stored


def moved(stored: Stored, blob: Blob) -> Stored:
    """The same, with what was inline in items of its own."""
    return replace(stored, outline=blob) if isinstance(stored, Outlined) else blob


@dataclass(frozen=True)
class Entry:
    """Where a channel's value lies; `snapshot_of` is the checkpoint that took it, for a DeltaChannel's snapshot."""

    stored: Stored
    snapshot_of: str | None = None


@dataclass(frozen=True)
class Header:
    """A checkpoint's header. `seeds` are the last snapshots of the DeltaChannels that have no value here.

    `ahead` are rows with the first elements written to such a channel since, for its next snapshot to refer to.
    """

    namespace: str
    checkpoint_id: str
    parent_id: str | None
    frame: Frame  # [checkpoint without id and values, metadata]
    entries: dict[str, Entry] = field(default_factory=dict)
    seeds: dict[str, Entry] = field(default_factory=dict)
    ahead: dict[str, Rows] = field(default_factory=dict)
    pruned: bool = False  # the checkpoints before this one were pruned, so that their absence is no damage


def packed_header(header: Header) -> list[Any]:
    return [
        _FORMAT,
        header.namespace,
        header.parent_id,
        pack(header.frame),
        {channel: _pack_entry(entry) for channel, entry in header.entries.items()},
        {channel: _pack_entry(entry) for channel, entry in header.seeds.items()},
        {channel: _pack_rows(rows) for channel, rows in header.ahead.items()},
    ]


def unpacked_header(checkpoint_id: str, packed: list[Any], *, pruned: bool) -> Header:
    """Raises BrokenThreadError for a header in another format than this version's."""
    if packed[0] != _FORMAT:
        raise BrokenThreadError(f"checkpoint {checkpoint_id} was stored in a format that this version does not read")
    _, namespace, parent_id, frame, entries, seeds, ahead = packed
    return Header(
        namespace=namespace,
        checkpoint_id=checkpoint_id,
        parent_id=parent_id,
        frame=unpack(frame),
        entries={channel: _unpack_entry(entry) for channel, entry in entries.items()},
        seeds={channel: _unpack_entry(entry) for channel, entry in seeds.items()},
        ahead={channel: _unpack_rows(rows) for channel, rows in ahead.items()},
        pruned=pruned,
    )


def _pack_entry(entry: Entry) -> list[Any]:
    return [entry.snapshot_of, *packed_stored(entry.stored)]


def _unpack_entry(packed: list[Any]) -> Entry:
    snapshot_of, *stored = packed
    return Entry(unpacked_stored(stored), snapshot_of)


def packed_stored(stored: Stored) -> list[Any]:
    if isinstance(stored, Inline):
        return [0, pack(stored.frame)]
    if isinstance(stored, Blob):
        return [1, stored.token, stored.parts]
    if isinstance(stored, Rows):
        return [2, *_pack_rows(stored)]
    lists = [[list(path), *_pack_rows(rows)] for path, rows in stored.lists.items()]
    return [3, packed_stored(stored.outline), lists]


def unpacked_stored(packed: list[Any]) -> Stored:
    kind, *fields = packed
    if kind == 2:
        return _unpack_rows(fields)
    if kind == 3:
        lists = {tuple(path): _unpack_rows(rows) for path, *rows in fields[1]}
        return Outlined(_unpack_whole(*fields[0]), lists)
    return _unpack_whole(kind, *fields)


def _unpack_whole(kind: int, *fields: Any) -> Inline | Blob:
    return Blob(*fields) if kind else Inline(unpack(fields[0]))


def _pack_rows(rows: Rows) -> list[Any]:
    return [rows.tail, rows.end, rows.check, [_pack_piece(piece) for piece in rows.pieces]]


def _unpack_rows(fields: list[Any]) -> Rows:
    tail, end, check, pieces = fields
    return Rows(tail, end, tuple(_unpack_piece(piece) for piece in pieces), check)


def _pack_piece(piece: Piece) -> list[Any]:
    if isinstance(piece, Ref):
        return [piece.generation, piece.row, piece.start, piece.stop]
    return [[pack(frame) for frame in piece]]


def _unpack_piece(packed: list[Any]) -> Piece:
    return Ref(*packed) if len(packed) == 4 else tuple(unpack(frame) for frame in packed[0])
