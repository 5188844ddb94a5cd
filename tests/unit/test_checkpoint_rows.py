"""Lists as rows: whatever happens to a list, its pieces say what it is, and little is written again."""

from array import array
from typing import Any, NamedTuple

from hypothesis import given
from hypothesis import strategies as st

from chatkeep.checkpointer.codec import Frame, size
from chatkeep.checkpointer.lists import (
    INLINE_BYTES,
    MOST_PIECES,
    ROW_BYTES,
    KnownList,
    NewRow,
    Stretch,
    append,
    arrange,
    located,
)
from chatkeep.checkpointer.record import Ref, StoredList

Stored = dict[tuple[str, int], list[Frame]]


class Arrangement(NamedTuple):
    """A list as it is known, the rows that it needs besides those of others, and its form in a header."""

    rows: list[NewRow]
    known: KnownList
    stored: StoredList


def arranged(new: list[Frame], *others: Any, fresh: bool = False) -> Arrangement:
    rows, known = arrange(new, *others, fresh=fresh)
    return Arrangement(rows, known, known.stored(new))


def frames(names: list[str], length: int = 400) -> list[Frame]:
    return [("msgpack", name.encode().ljust(length, b".")) for name in names]


class Store:
    """The rows of one list in memory, and the last arrangement of it."""

    def __init__(self) -> None:
        self.rows: Stored = {}
        self.last: Arrangement | None = None
        self.written = 0

    def put(self, new: list[Frame], *, on: Arrangement | None = None, fresh: bool = False) -> Arrangement:
        before = on or self.last
        self.last = arranged(new, before.known if before else None, fresh=fresh)
        for row in self.last.rows:
            place = (row.ref.generation, row.ref.row)
            assert place not in self.rows or row.claim
            self.rows.setdefault(place, row.frames)
            self.written += size(row.frames)
        return self.last

    def found(self, stored: StoredList) -> tuple[Stretch, ...]:
        """The list's place, computed from the stored rows alone."""
        refs = [piece for piece in stored.pieces if isinstance(piece, Ref)]
        own = {ref: sorted(row for name, row in self.rows if name == ref.generation) for ref in refs}
        reached = {ref: array("I", [row for row in own[ref] if ref.row <= row < ref.stop]) for ref in refs}
        return located(stored.pieces, reached)

    def read(self, stored: StoredList) -> list[Frame]:
        found: list[Frame] = []
        for piece in stored.pieces:
            found += self.elements(piece) if isinstance(piece, Ref) else piece
        return found

    def elements(self, ref: Ref) -> list[Frame]:
        found, row = [], ref.row
        while row < ref.stop:
            elements = self.rows[ref.generation, row]
            found += elements[max(0, ref.start - row) : ref.stop - row]
            row += len(elements)
        return found


lists = st.lists(st.lists(st.sampled_from([f"m{number}" for number in range(30)]), max_size=25), max_size=12)


@given(lists, st.sampled_from([3, 200, 60_000]), st.booleans())
def test_any_sequence_of_lists_can_be_read_back(history: list[list[str]], length: int, fresh: bool) -> None:
    store = Store()
    for names in history:
        arrangement = store.put(frames(names, length), fresh=fresh)
        assert store.read(arrangement.stored) == frames(names, length)
        assert store.found(arrangement.stored) == arrangement.known.stretches
        assert len(arrangement.stored.pieces) <= MOST_PIECES


def chat(turns: int) -> list[Frame]:
    return frames([f"message {number}" for number in range(2 * turns)], 600)


def test_an_appended_list_writes_only_what_is_new() -> None:
    store = Store()
    for turn in range(1, 200):
        store.put(chat(turn))
    assert store.written == size(chat(199))
    assert store.last is not None
    assert len(store.last.stored.pieces) == 1


def test_a_window_over_a_chat_writes_only_what_is_new() -> None:
    store = Store()
    for turn in range(1, 200):
        store.put(chat(turn)[-20:])
    assert store.written == size(chat(199))
    assert store.last is not None
    assert len(store.last.stored.pieces) == 1


def test_a_first_message_that_changes_each_time_does_not_rewrite_the_others() -> None:
    store = Store()
    for turn in range(1, 100):
        store.put([*frames([f"it is now {turn}"], 2_000), *chat(turn)])
    assert store.written <= size(chat(99)) + 99 * 2_000


def test_a_changed_last_message_writes_only_itself() -> None:
    store = Store()
    store.put(chat(50))
    written = store.written
    store.put([*chat(50)[:-1], *frames(["changed"], 2_000)])
    assert store.written == written + 2_000


def test_small_new_elements_wait_in_the_header() -> None:
    store = Store()
    arrangement = store.put(frames(["a", "b"], INLINE_BYTES // 2))
    assert store.rows == {}
    assert arrangement.stored.pieces == (tuple(frames(["a", "b"], INLINE_BYTES // 2)),)
    store.put(frames(["a", "b", "c"], INLINE_BYTES // 2))
    assert [len(row) for row in store.rows.values()] == [3]


def test_two_branches_never_claim_different_rows_unnoticed() -> None:
    store = Store()
    trunk = store.put(chat(3))
    one = store.put([*chat(3), *frames(["one"], 2_000)], on=trunk)
    other = arranged([*chat(3), *frames(["other"], 2_000)], trunk.known)
    assert [d.ref.row for d in one.rows if d.claim] == [d.ref.row for d in other.rows if d.claim] == [6]
    fresh = arranged([*chat(3), *frames(["other"], 2_000)], trunk.known, fresh=True)
    assert not any(row.claim for row in fresh.rows)


def test_many_elements_are_spread_over_rows_of_a_bounded_size() -> None:
    arrangement = arranged(frames([str(number) for number in range(1_000)], 1_000), None)
    assert len(arrangement.rows) > 10
    assert max(size(row.frames) for row in arrangement.rows) <= ROW_BYTES


def test_an_element_larger_than_a_row_has_one_of_its_own() -> None:
    arrangement = arranged(frames(["small", "large", "small too"], 3 * ROW_BYTES), None)
    assert [len(row.frames) for row in arrangement.rows] == [1, 1, 1]


def test_a_list_that_keeps_being_changed_amid_is_gathered_now_and_then() -> None:
    store, names = Store(), [f"m{number}" for number in range(60)]
    for step in range(1, 40):
        names[step] = f"changed {step}"
        store.put(frames(names, 1_500))
    assert store.last is not None
    assert len(store.last.stored.pieces) <= MOST_PIECES
    assert store.written < 10 * size(frames(names, 1_500))


def test_a_list_without_a_predecessor_shares_what_another_has() -> None:
    other = arranged(chat(20), None).known
    unrelated = arranged(frames(["something", "else"], 600), None).known
    taken = arranged([*chat(20)[5:30], *frames(["new"], 2_000)], None, [unrelated, other])
    assert [len(row.frames) for row in taken.rows] == [1]
    assert [row.claim for row in taken.rows] == [False]
    assert taken.stored.pieces[0] == Ref(other.tail, 0, 5, 30)


def test_a_predecessor_that_shares_something_comes_before_any_other_list() -> None:
    own, other = arranged(chat(3), None).known, arranged(chat(20), None).known
    taken = arranged(chat(4), own, [other])
    assert isinstance(taken.stored.pieces[0], Ref)
    assert taken.stored.pieces[0].generation == own.tail


def test_rows_are_appended_without_the_elements_before_them() -> None:
    store = Store()
    before = store.put(chat(20))
    rows, longer = append(frames(["a", "b"], 2_000), before.known)
    assert [(row.ref, row.claim) for row in rows] == [(Ref(before.known.tail, 40, 40, 42), True)]
    after = arranged([*chat(20), *frames(["a", "b"], 2_000)], longer)
    assert after.rows == []
    assert after.stored.pieces == (Ref(before.known.tail, 0, 0, 42),)
    assert append(frames(["a"], 2_000), before.known, fresh=True)[0][0].ref.generation != before.known.tail


def test_an_empty_list_has_no_pieces() -> None:
    assert arranged([], KnownList(b"", ())).stored == StoredList("", 0, ())
