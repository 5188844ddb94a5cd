"""Records of a checkpoint: serialized values, where they lie, and the header that names the place of each."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from chatkeep.checkpointer.codec import Codec, Frame, Path, pack, unpack
from chatkeep.errors import BrokenThreadError

_FORMAT = 1  # of a header and all that it refers to


@dataclass(frozen=True)
class Value:
    """A serialized value: its long lists element by element, and the rest. Of a list, all is the list at ()."""

    rest: Frame | None
    lists: dict[Path, list[Frame]] = field(default_factory=dict)
    delta: bool = False

    @property
    def elements(self) -> list[Frame] | None:
        """The elements of a value that is a list, None of any other."""
        return self.lists.get(())


Blob = tuple[str, int]
"""A value's rest in items of its own: their token and number. An unchanged one is referred to and not written again."""


@dataclass(frozen=True)
class Ref:
    """Elements `start` to `stop` of a generation; `row` is the position at which the row with the first one begins."""

    generation: str
    row: int
    start: int
    stop: int


Piece = Ref | tuple[Frame, ...]


@dataclass(frozen=True)
class StoredList:
    """A list in pieces: references to rows, and short stretches that lie in the header.

    New elements at the end go to generation `tail` at position `end`, which no other branch can claim as well. `check`
    is a digest of the list, for one with references: a row is found by its key, which tells nothing of its content.
    """

    tail: str
    end: int
    pieces: tuple[Piece, ...]
    check: bytes = b""

    @property
    def refs(self) -> list[Ref]:
        return [piece for piece in self.pieces if isinstance(piece, Ref)]


@dataclass(frozen=True)
class Stored:
    """Where a value lies: its long lists in rows, the rest inline, in the header or write itself, or in a blob.

    `snapshot_of` is the checkpoint that took it, for a DeltaChannel's snapshot.
    """

    rest: Frame | None
    lists: dict[Path, StoredList] = field(default_factory=dict)
    snapshot_of: str | None = None
    blob: Blob | None = None

    @property
    def refs(self) -> Iterator[Ref]:
        """All references to rows."""
        return (ref for stored in self.lists.values() for ref in stored.refs)


@dataclass(frozen=True)
class Header:
    """A checkpoint's header. `seeds` are the last snapshots of the DeltaChannels that have no value here.

    `delta_rows` have the first elements written to such a channel since, for its next snapshot to refer to.
    """

    namespace: str
    checkpoint_id: str
    parent_id: str | None
    frame: Frame  # [checkpoint without id and values, metadata]
    entries: dict[str, Stored] = field(default_factory=dict)
    seeds: dict[str, Stored] = field(default_factory=dict)
    delta_rows: dict[str, StoredList] = field(default_factory=dict)
    pruned: bool = False  # the checkpoints before this one were pruned, so that their absence is no damage


def decode(codec: Codec, header: Header) -> tuple[dict[str, Any], dict[str, Any]]:
    """The checkpoint without its values, and its metadata."""
    rest, metadata = codec.load(header.frame)
    return {**rest, "id": header.checkpoint_id}, metadata


def pack_header(header: Header) -> list[Any]:
    return [
        _FORMAT,
        header.namespace,
        header.parent_id,
        pack(header.frame),
        {channel: pack_stored(entry) for channel, entry in header.entries.items()},
        {channel: pack_stored(entry) for channel, entry in header.seeds.items()},
        {channel: pack_list(rows) for channel, rows in header.delta_rows.items()},
    ]


def unpack_header(checkpoint_id: str, packed: list[Any], *, pruned: bool) -> Header:
    """Raises BrokenThreadError for a header in another format than this version's."""
    if packed[0] != _FORMAT:
        raise BrokenThreadError(f"checkpoint {checkpoint_id} was stored in a format that this version does not read")
    _, namespace, parent_id, frame, entries, seeds, delta_rows = packed
    return Header(
        namespace=namespace,
        checkpoint_id=checkpoint_id,
        parent_id=parent_id,
        frame=unpack(frame),
        entries={channel: unpack_stored(entry) for channel, entry in entries.items()},
        seeds={channel: unpack_stored(entry) for channel, entry in seeds.items()},
        delta_rows={channel: unpack_list(rows) for channel, rows in delta_rows.items()},
        pruned=pruned,
    )


def pack_stored(stored: Stored) -> list[Any]:
    """Plain data, as `Codec.seal` takes it."""
    rest: Any = pack(stored.rest) if stored.rest else None
    if stored.blob:
        token, count = stored.blob
        rest = [count, token]
    return [stored.snapshot_of, rest, *([path, *pack_list(found)] for path, found in stored.lists.items())]


def unpack_stored(packed: list[Any]) -> Stored:
    snapshot_of, rest, *lists = packed
    found = {tuple(path): unpack_list(fields) for path, *fields in lists}
    if isinstance(rest, list) and isinstance(rest[0], int):
        return Stored(None, found, snapshot_of, (rest[1], rest[0]))
    return Stored(unpack(rest) if rest is not None else None, found, snapshot_of)


def pack_list(stored: StoredList) -> list[Any]:
    return [stored.tail, stored.end, stored.check, [_pack_piece(piece) for piece in stored.pieces]]


def unpack_list(packed: list[Any]) -> StoredList:
    tail, end, check, pieces = packed
    return StoredList(tail, end, tuple(_unpack_piece(piece) for piece in pieces), check)


def _pack_piece(piece: Piece) -> list[Any]:
    if isinstance(piece, Ref):
        return [piece.generation, piece.row, piece.start, piece.stop]
    return [[pack(frame) for frame in piece]]


def _unpack_piece(packed: list[Any]) -> Piece:
    return Ref(*packed) if len(packed) == 4 else tuple(unpack(frame) for frame in packed[0])
