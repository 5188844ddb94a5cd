"""Values to stored bytes and back: serializer, digest, compression, encryption, checksum."""

import zlib
from collections.abc import Callable, Iterable, Sequence
from hashlib import blake2b
from itertools import takewhile
from operator import eq
from typing import Any, NamedTuple

import ormsgpack
from langgraph.checkpoint.serde.base import SerializerProtocol
from langgraph.checkpoint.serde.encrypted import EncryptedSerializer
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer

from chatkeep.checkpoint_items.dictionary import DICTIONARY
from chatkeep.errors import BrokenThreadError

Frame = tuple[str, bytes]
"""A serialized value, as a serializer's `dumps_typed` returns it: its type and its bytes."""
Path = tuple[str | int, ...]
"""The way from a value to a list in it: keys of dictionaries, indexes of lists, and "arg" of a Send."""

Mend = Callable[[Any], object]
DIGEST_BYTES = 16
_CHECK_BYTES, _CHECKSUM_BYTES = 8, 8  # of a list, and of stored bytes
_USUAL = "msgpack"  # the type that a packed frame leaves out
_CLEAR, _ENCRYPTED = b"\x00", b"\x01"
_PLAIN, _DEFLATED = b"\x00", b"\x01"


class Digested(NamedTuple):
    """Frames and their digests, one after another."""

    frames: Sequence[Frame]
    digests: bytes


def strict_serializer() -> JsonPlusSerializer:
    """msgpack that rebuilds LangGraph's list of safe types only: no pickle, no class that a stored value names."""
    return JsonPlusSerializer(pickle_fallback=False, allowed_json_modules=None, allowed_msgpack_modules=None)


class Codec:
    """Frames by the plain serializer, so that equal values have equal frames; encryption around what is stored.

    `mend` gets a value that the serializer does not take, and may change it in place before the next try.
    """

    def __init__(self, serde: SerializerProtocol, mend: Mend | None = None) -> None:
        self._mend = mend
        encrypted = type(serde) is EncryptedSerializer
        self._plain = serde.serde if encrypted else serde  # type: ignore[attr-defined]
        self._cipher = serde.cipher if encrypted else None  # type: ignore[attr-defined]

    def dump(self, value: Any) -> Frame:
        try:
            kind, data = self._plain.dumps_typed(value)
        except TypeError:
            if self._mend is None:
                raise
            self._mend(value)
            kind, data = self._plain.dumps_typed(value)
        return kind, bytes(data)

    def dump_each(self, values: Sequence[Any]) -> list[Frame]:
        """One frame per value: `dump` of each of them, in one loop."""
        try:
            return [(kind, bytes(data)) for kind, data in map(self._plain.dumps_typed, values)]
        except TypeError:
            return [self.dump(value) for value in values]

    def load(self, frame: Frame) -> Any:
        return self._plain.loads_typed(frame)

    def load_each(self, frames: Iterable[Frame]) -> list[Any]:
        return list(map(self._plain.loads_typed, frames))

    def seal(self, packable: Any) -> bytes:
        """The stored form of plain data (lists, maps, strings, numbers, bytes)."""
        packed = compress(ormsgpack.packb(packable))
        if self._cipher is None:
            return with_checksum(_CLEAR + packed)
        cipher, ciphertext = self._cipher.encrypt(packed)
        name = cipher.encode()
        return with_checksum(_ENCRYPTED + bytes([len(name)]) + name + ciphertext)

    def open(self, stored: bytes, what: str) -> Any:
        """The data that was sealed. Raises BrokenThreadError naming `what` if it is damaged or has another's cipher."""
        body = without_checksum(stored, what)
        if body[:1] == _CLEAR:
            return ormsgpack.unpackb(decompress(body[1:]))
        if self._cipher is None:
            raise BrokenThreadError(f"{what} is encrypted and this saver has no cipher")
        end = 2 + body[1]
        return ormsgpack.unpackb(decompress(self._cipher.decrypt(body[2:end].decode(), body[end:])))


def pack(frame: Frame) -> Any:
    kind, data = frame
    return data if kind == _USUAL else [kind, data]


def unpack(packed: Any) -> Frame:
    return (_USUAL, packed) if isinstance(packed, bytes) else (packed[0], packed[1])


def size(frames: Iterable[Frame]) -> int:
    return sum(len(data) for _, data in frames)


def digests(frames: Iterable[Frame]) -> bytes:
    """The digests of the frames, one after another, `DIGEST_BYTES` each."""
    return b"".join(
        blake2b(b"%s\0%s" % (kind.encode(), data), digest_size=DIGEST_BYTES).digest() for kind, data in frames
    )


def check(found: bytes) -> bytes:
    """A digest of a list, from those of its elements."""
    return blake2b(found, digest_size=_CHECK_BYTES).digest()


def digested(frames: Sequence[Frame]) -> Digested:
    return Digested(frames, digests(frames))


def digests_after(frames: Sequence[Frame], before: Digested | None) -> bytes:
    """The digests of `frames`; those that `before` begins or ends with as well, byte for byte, are taken from there."""
    if before is None:
        return digests(frames)
    first = _common(frames, before.frames)
    most = min(len(frames), len(before.frames)) - first
    last = _common(frames[len(frames) - most :][::-1], before.frames[len(before.frames) - most :][::-1])
    between = digests(frames[first : len(frames) - last])
    end = (len(before.frames) - last) * DIGEST_BYTES
    return before.digests[: first * DIGEST_BYTES] + between + before.digests[end:]


def _common(one: Sequence[Frame], other: Sequence[Frame]) -> int:
    """How many frames two lists begin with in common."""
    return sum(takewhile(bool, map(eq, one, other)))


def compress(plain: bytes) -> bytes:
    """`plain` after a byte that says how: deflated with the dictionary where that is shorter, else as it is."""
    compressor = zlib.compressobj(level=6, wbits=-zlib.MAX_WBITS, zdict=DICTIONARY)
    deflated = compressor.compress(plain) + compressor.flush()
    return _DEFLATED + deflated if len(deflated) < len(plain) else _PLAIN + plain


def decompress(packed: bytes) -> bytes:
    if packed[:1] == _PLAIN:
        return packed[1:]
    decompressor = zlib.decompressobj(wbits=-zlib.MAX_WBITS, zdict=DICTIONARY)
    return decompressor.decompress(packed[1:]) + decompressor.flush()


def with_checksum(body: bytes) -> bytes:
    """`body` after its checksum."""
    return blake2b(body, digest_size=_CHECKSUM_BYTES).digest() + body


def without_checksum(stored: bytes, what: str) -> bytes:
    """The body without its checksum. Raises BrokenThreadError naming `what` when that does not match."""
    checksum, body = stored[:_CHECKSUM_BYTES], stored[_CHECKSUM_BYTES:]
    if blake2b(body, digest_size=_CHECKSUM_BYTES).digest() != checksum:
        raise BrokenThreadError(f"{what} does not match its checksum")
    return body
