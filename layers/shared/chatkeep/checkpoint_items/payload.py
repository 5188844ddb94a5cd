"""Payloads as bytes: compressed where it pays, with a checksum, split over the item limit."""

import zlib
from hashlib import blake2b

from chatkeep.checkpoint_items.dictionary import DICTIONARY
from chatkeep.errors import BrokenThreadError

PART_BYTES = 380_000  # an item may have 400 KB, its key and names included
_CHECKSUM_BYTES = 8
_STORED, _DEFLATED = b"\x00", b"\x01"


def compress(plain: bytes) -> bytes:
    """`plain` after a byte that says how: deflated with the dictionary where that is shorter, else as it is."""
    compressor = zlib.compressobj(level=6, wbits=-zlib.MAX_WBITS, zdict=DICTIONARY)
    deflated = compressor.compress(plain) + compressor.flush()
    return _DEFLATED + deflated if len(deflated) < len(plain) else _STORED + plain


def decompress(packed: bytes) -> bytes:
    if packed[:1] == _STORED:
        return packed[1:]
    decompressor = zlib.decompressobj(wbits=-zlib.MAX_WBITS, zdict=DICTIONARY)
    return decompressor.decompress(packed[1:]) + decompressor.flush()


def seal(body: bytes) -> bytes:
    return blake2b(body, digest_size=_CHECKSUM_BYTES).digest() + body


def unseal(stored: bytes, what: str) -> bytes:
    """The body of a sealed payload. Raises BrokenThreadError naming `what` when the checksum does not match."""
    checksum, body = stored[:_CHECKSUM_BYTES], stored[_CHECKSUM_BYTES:]
    if blake2b(body, digest_size=_CHECKSUM_BYTES).digest() != checksum:
        raise BrokenThreadError(f"{what} does not match its checksum")
    return body


def split(stored: bytes) -> list[bytes]:
    """At least one part, each small enough for an item."""
    return [stored[start : start + PART_BYTES] for start in range(0, len(stored), PART_BYTES)] or [b""]
