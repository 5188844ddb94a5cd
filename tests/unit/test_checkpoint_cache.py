"""Payloads in memory: bounded, and of one thread only."""

from chatkeep.checkpointer.codec import Digested, digested
from chatkeep.checkpointer.storage import PayloadCache


def row(count: int, length: int = 520) -> Digested:
    return digested([("msgpack", bytes(length))] * count)


def test_rows_are_kept_by_generation_and_position() -> None:
    cache = PayloadCache(10_000)
    cache.add("thread", "one", {0: row(2), 2: row(1)})
    cache.add("thread", "other", {0: row(1)})
    assert {position: len(found.frames) for position, found in cache.rows("thread", "one").items()} == {0: 2, 2: 1}
    assert cache.rows("another", "one") == {}


def test_the_least_recently_used_goes_first() -> None:
    cache = PayloadCache(6_000)
    for name in ("a", "b", "c", "d"):
        cache.add("thread", name, {0: row(1)})
    assert cache.rows("thread", "a")
    cache.add("thread", "e", {0: row(1)})
    assert [name for name in "abcde" if cache.rows("thread", name)] == ["a", "c", "d", "e"]


def test_what_is_added_again_takes_no_more_room() -> None:
    cache = PayloadCache(3_500)
    cache.add("thread", "a", {0: row(1)})
    for _ in range(20):
        cache.add("thread", "b", {0: row(1)})
    assert cache.rows("thread", "a")


def test_what_is_too_large_alone_is_not_kept() -> None:
    cache = PayloadCache(2_500)
    cache.add("thread", "a", {0: row(3)})
    assert cache.rows("thread", "a") == {}
    cache.add("thread", "b", {0: row(2)})
    assert cache.rows("thread", "b")


def test_nothing_is_kept_without_room() -> None:
    cache = PayloadCache(0)
    cache.add("thread", "a", {0: row(1, 0)})
    assert cache.rows("thread", "a") == {}


def test_a_value_is_kept_by_its_key() -> None:
    cache = PayloadCache(10_000)
    cache.add_frame("thread", "V!!a!token", ("json", b"7"))
    assert cache.frame("thread", "V!!a!token") == ("json", b"7")
    assert cache.frame("thread", "V!!a!another") is None


def test_a_forgotten_thread_makes_room() -> None:
    cache = PayloadCache(4_000)
    cache.add("thread", "a", {0: row(3)})
    cache.forget("thread")
    cache.add("another", "a", {0: row(3)})
    cache.add("thread", "b", {0: row(0)})
    assert cache.rows("thread", "a") == {}
    assert cache.rows("another", "a")


def test_rows_that_were_taken_do_not_change() -> None:
    cache = PayloadCache(10_000)
    cache.add("thread", "a", {0: row(1)})
    taken = cache.rows("thread", "a")
    cache.add("thread", "a", {1: row(1)})
    taken[7] = row(1)
    assert sorted(cache.rows("thread", "a")) == [0, 1]
