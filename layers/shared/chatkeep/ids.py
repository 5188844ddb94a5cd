"""Identifiers: UUIDv7 where order matters, and a digest where the same request must give the same id."""

import hashlib
import re
import secrets
import time
import uuid

from uuid_utils import uuid7

MARKS, VERSION_7 = 0xF << 76 | 0b11 << 62, 7 << 76 | 0b10 << 62
"""The bits that say which kind of UUID one is, and their values in version 7: RFC 9562, sections 4 and 5.7."""
UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")


def new() -> str:
    """A fresh UUIDv7 (RFC 9562)."""
    return str(uuid7())


def after(previous: str | None) -> str:
    """A fresh UUIDv7 that sorts after `previous`, whatever this machine's clock says.

    Two machines may disagree about the time by more than two messages lie apart; the order of a transcript must not.
    """
    milliseconds = time.time_ns() // 1_000_000
    if previous is not None:
        milliseconds = max(milliseconds, int(previous.replace("-", "")[:12], 16) + 1)
    return str(uuid7(timestamp=milliseconds // 1000, nanos=milliseconds % 1000 * 1_000_000))


def between(before: str, after: str) -> str:
    """A fresh UUIDv7 that sorts between two others, which must not be neighbours."""
    low, high = uuid.UUID(before).int, uuid.UUID(after).int
    while True:
        drawn = low + 1 + secrets.randbelow(high - low - 1)
        marked = drawn & ~MARKS | VERSION_7
        if low < marked < high:
            return str(uuid.UUID(int=marked))


def derived(*parts: str) -> str:
    """A UUIDv8 (RFC 9562) that depends on `parts` alone: the same parts give the same id."""
    digest = bytearray(hashlib.sha256("\x1f".join(parts).encode()).digest()[:16])
    digest[6] = digest[6] & 0x0F | 0x80
    digest[8] = digest[8] & 0x3F | 0x80
    text = digest.hex()
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def of_session(user_id: str, given: str) -> str:
    """The stored id of a session that a request names: by that id itself, or by one that the user's client chose."""
    return given if is_id(given) else derived("session", user_id, given)


def is_id(text: str) -> bool:
    """Whether `text` has the form of an id that Chatkeep gives out."""
    return UUID.fullmatch(text) is not None
