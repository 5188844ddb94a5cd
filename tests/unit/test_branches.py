"""The branches of a conversation: ranges of hidden ids and versions, against a list of messages and their parents."""

from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatkeep.errors import MessageNotActiveError, TooManyVersionsError
from chatkeep.messages import branches
from chatkeep.messages.branches import Branches
from chatkeep.models.message import Message
from chatkeep.models.session import Session

SESSION = Session("user", "01234567-89ab-7def-8123-456789abcdef")


@dataclass
class Conversation:
    """Messages by number, each with its parent; `line` is the active branch."""

    parents: dict[int, int | None] = field(default_factory=dict)
    line: list[int] = field(default_factory=list)
    known: Branches = field(default_factory=Branches)

    def say(self) -> None:
        """A question and its answer."""
        for _ in range(2):
            self._add(self.line[-1] if self.line else None)

    def again(self, question: int) -> None:
        former = next(number for number, parent in self.parents.items() if parent == question)
        latest = max(self.parents)
        self.line = self.line[: self.line.index(question) + 1]
        new = Message("user", SESSION.session_id, name(self._add(question)))
        self.known = self.known.with_version(name(question), name(former), [new], name(latest))

    def _add(self, parent: int | None) -> int:
        number = max(self.parents, default=0) + 1
        self.parents[number] = parent
        self.line.append(number)
        return number


def name(number: int) -> str:
    """An id that sorts as the number does."""
    return f"{number:08x}-0000-7000-8000-000000000000"


def conversation(turns: list[int | None]) -> Conversation:
    made = Conversation()
    for choice in turns:
        if choice is None or not made.line:
            made.say()
        else:
            made.again(made.line[::2][choice % len(made.line[::2])])
    return made


TURNS = st.lists(st.none() | st.integers(0, 9), max_size=25)


@given(TURNS)
def test_what_is_not_hidden_is_the_active_branch(turns: list[int | None]) -> None:
    made = conversation(turns)
    assert [number for number in made.parents if made.known.gap(name(number)) is None] == made.line
    assert list(made.known.hidden) == sorted(made.known.hidden)


@given(TURNS)
def test_siblings_are_the_messages_with_the_same_parent_oldest_first(turns: list[int | None]) -> None:
    made = conversation(turns)
    for parent in made.parents:
        children = [name(number) for number, one in made.parents.items() if one == parent]
        assert made.known.siblings(name(parent)) == (children if len(children) > 1 else [])


@given(TURNS)
def test_branches_are_read_as_they_were_stored(turns: list[int | None]) -> None:
    known = conversation(turns).known
    item = known.item(SESSION)
    assert tuple(branches._pairs(item.hidden)) == known.hidden
    assert tuple(branches._pairs(item.versions)) == known.versions
    assert len(item.hidden) + len(item.versions) == 32 * (len(known.hidden) + len(known.versions))


def test_a_hidden_question_takes_no_answer_and_any_other_a_bounded_number() -> None:
    made = conversation([None, None, 0])
    with pytest.raises(MessageNotActiveError):
        branches.check_room(made.known, name(3))
    for _ in range(branches.MOST_VERSIONS - 2):
        branches.check_room(made.known, name(1))
        made.again(1)
    with pytest.raises(TooManyVersionsError, match="50 versions"):
        branches.check_room(made.known, name(1))
