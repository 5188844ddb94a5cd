"""Frames with their digests, so that what has not changed is not hashed again."""

from collections.abc import Sequence
from itertools import takewhile
from operator import eq
from typing import NamedTuple

from chatkeep.checkpointer.codec import DIGEST_BYTES, Frame, digests


class Marked(NamedTuple):
    """Frames and their digests, one after another."""

    frames: Sequence[Frame]
    digests: bytes


def marked(frames: Sequence[Frame]) -> Marked:
    return Marked(frames, digests(frames))


def remarked(frames: Sequence[Frame], before: Marked | None) -> bytes:
    """The digests of `frames`; those that `before` begins or ends with as well, byte for byte, are taken from there."""
    if before is None:
        return digests(frames)
    first = _shared(frames, before.frames)
    most = min(len(frames), len(before.frames)) - first
    last = _shared(frames[len(frames) - most :][::-1], before.frames[len(before.frames) - most :][::-1])
    between = digests(frames[first : len(frames) - last])
    end = (len(before.frames) - last) * DIGEST_BYTES
    return before.digests[: first * DIGEST_BYTES] + between + before.digests[end:]


def _shared(one: Sequence[Frame], other: Sequence[Frame]) -> int:
    """How many frames two lists begin with in common."""
    return sum(takewhile(bool, map(eq, one, other)))
