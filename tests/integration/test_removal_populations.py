"""Of random populations some users are erased and some sessions removed: everything of the others is as it was."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from random import Random
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from chatkeep import retrying
from chatkeep.jobs.due import Keys
from chatkeep.models.deletion import Deletion, Erasure
from chatkeep.models.totals import Totals
from tests.lives import carry_out
from tests.populations import (
    Items,
    Member,
    erasure,
    removal,
    settle,
    settle_user,
    stored,
    text_of,
    totals_of,
)

ENDS = st.text(st.sampled_from('#!%~a "\x00\x1f/é\U0001f600'), max_size=3)
"""Of users' ids; the separators of keys are among them."""
CHOSEN = st.sampled_from([None, "a", "a.", "a:b", "a:b:c"])
STATES = st.sampled_from(["active", "archived", "deleted", "expired", "temporary"])
SESSIONS = st.lists(st.tuples(CHOSEN, STATES, st.integers(0, 2), st.booleans()), min_size=1, max_size=3)
USERS = st.lists(st.tuples(ENDS, SESSIONS, st.booleans()), min_size=1, max_size=3, unique_by=lambda one: one[0])

ONE_OF_EACH: list[Any] = [
    ("", [(None, "active", 2, True), ("a", "deleted", 1, True), ("a.", "temporary", 1, True)], False),
    ("#", [("a", "archived", 1, False), ("a:b", "expired", 1, True)], False),
    ("!é ", [("a", "active", 2, False), ("a:b:c", "deleted", 1, False)], True),
]
"""The last user is erased, and of the others one session each is left."""


@dataclass
class Population:
    """`removed` are the members that are to go, and `erased` the users."""

    members: list[Member]
    removed: list[Member]
    erased: set[str]

    def is_gone(self, table: str, pk: str, sk: str) -> bool:
        erased = pk.startswith("USER#") and pk.removeprefix("USER#") in self.erased
        return erased or any(one.has(table, pk, sk) for one in self.removed)

    def users(self, *, kept: bool) -> set[str]:
        users = {one.user_id for one in self.members}
        return users - self.erased if kept else users & self.erased

    def begin(self) -> list[Keys]:
        """Ask for the removals; the jobs for them."""
        jobs = [removal(one) for one in self.removed if one.user_id not in self.erased]
        return jobs + [erasure(user) for user in sorted(self.erased)]


def populate(users: list[Any], dynamodb: Any) -> Population:
    """These users, and one whose id goes on from another's with the id of a session of that one's."""
    base = f"user-{uuid4()}"
    found = Population([], [], set())
    ((_, first, _), *_) = users
    for end, sessions, is_erased in [*users, (None, first, False)]:
        user_id = base + (f"#{found.members[0].session_id}" if end is None else end)
        settle_user(user_id)
        found.erased |= {user_id} if is_erased else set()
        unique = {client_id or number: rest for number, (client_id, *rest) in enumerate(sessions)}
        for client_id, (state, size, is_removed) in unique.items():
            member = settle(user_id, client_id if isinstance(client_id, str) else None, state, size, dynamodb)
            found.members.append(member)
            found.removed += [member] if is_removed or is_erased else []
    return found


def check(population: Population, before: Items, after: Items) -> None:
    """Nothing is left of what is gone but receipts, and nothing else has changed but totals."""
    kept = {key: item for key, item in before.items() if not population.is_gone(*key)}
    touched = {one.user_id for one in population.removed}
    totals = {("chatkeep-SessionsTable", *Totals.KEY.of(user)) for user in touched}
    receipts = {key: item for key, item in after.items() if key not in before}
    assert without(after, totals | set(receipts)) == without(kept, totals)
    assert len(receipts) == len(population.erased) + sum(
        one.user_id not in population.erased for one in population.removed
    )
    for table, pk, sk in receipts:
        assert table == "chatkeep-SessionsTable"
        assert Deletion.KEY.matches(pk, sk) or Erasure.KEY.matches(pk, sk)
    for user in population.users(kept=True):
        counted = Totals.find(user)
        assert {name: int(getattr(counted, name)) for name in totals_of(user)} == totals_of(user)
    erased = text_of(item for key, item in receipts.items() if Erasure.KEY.matches(*key[1:]))
    assert min(one.user_id for one in population.members) not in erased, "it is the beginning of all users' ids"
    left = text_of(after.values())
    assert [one for one in population.removed if one.marker in left] == []


def without(items: Items, keys: set[tuple[str, str, str]]) -> Items:
    return {key: item for key, item in items.items() if key not in keys}


@pytest.mark.usefixtures("empty_tables")
@pytest.mark.parametrize(
    "examples", [1, pytest.param(25, marks=pytest.mark.thorough)], ids=["few populations", "many populations"]
)
def test_removals_leave_everything_of_others_as_it_was(
    dynamodb: Any, pass_time: Callable[[timedelta], None], monkeypatch: pytest.MonkeyPatch, examples: int
) -> None:
    monkeypatch.setattr(retrying, "sleep", lambda _: None)  # the pace of a purge

    @example(users=ONE_OF_EACH, order=Random(0))
    @given(users=USERS, order=st.randoms(use_true_random=False))
    @settings(max_examples=examples)
    def remove(users: list[Any], order: Random) -> None:
        population = populate(users, dynamodb)
        pass_time(timedelta(days=40))  # all that expires has expired, and nobody has come for it
        before = stored(dynamodb)
        jobs = population.begin()
        for _ in range(2):
            order.shuffle(jobs)
            carry_out(jobs)
        check(population, before, stored(dynamodb))

    remove()
