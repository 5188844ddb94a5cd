"""Digests of a list that was read before: the same as if it were hashed, and less hashing."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatkeep.checkpointer import codec
from chatkeep.checkpointer.codec import Frame, digested, digests, digests_after

kinds = st.sampled_from(["msgpack", "bytes"])
lists = st.lists(st.tuples(kinds, st.sampled_from([b"a", b"b", b"c"])), max_size=12)


def copied(frames: list[Frame]) -> list[Frame]:
    """Equal, but other objects, as a serializer makes them."""
    return [(kind, bytes(bytearray(data))) for kind, data in frames]


@given(lists, lists, lists, lists)
def test_digests_are_those_of_the_list_whatever_was_read_before(
    first: list[Frame], old: list[Frame], new: list[Frame], last: list[Frame]
) -> None:
    before, after = [*first, *old, *last], copied([*first, *new, *last])
    assert digests_after(after, digested(before)) == digests(after)


@pytest.mark.parametrize(
    ("start", "stop", "new"), [(300, 300, 2), (0, 2, 0), (150, 151, 1), (0, 100, 1), (299, 300, 3), (0, 0, 0)]
)
def test_only_what_is_new_is_hashed(monkeypatch: pytest.MonkeyPatch, start: int, stop: int, new: int) -> None:
    frames = [("msgpack", str(number).encode()) for number in range(300)]
    before, hashed = digested(frames), list[bytes]()
    blake2b = codec.blake2b
    monkeypatch.setattr(codec, "blake2b", lambda data, **options: hashed.append(data) or blake2b(data, **options))
    inserted = [("msgpack", b"new %d" % number) for number in range(new)]
    digests_after(copied([*frames[:start], *inserted, *frames[stop:]]), before)
    assert len(hashed) == new
