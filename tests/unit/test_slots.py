"""A user's slots against a model of them: never more than the limit, and none held by the dead."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chatkeep import clock
from chatkeep.errors import SessionNotFoundError, TooManyTurnsError
from chatkeep.models.totals import Totals
from chatkeep.turns import slots
from chatkeep.turns.lease import Sender
from tests.wire import refused, refusing

SENDERS = 6
SECONDS = st.integers(min_value=1, max_value=60)
TAKE = st.tuples(st.just("take"), st.integers(0, SENDERS - 1), SECONDS)
RELEASE = st.tuples(st.just("release"), st.integers(0, SENDERS - 1), SECONDS)
WAIT = st.tuples(st.just("wait"), st.just(0), SECONDS)


class Count:
    """A correct count: senders by number, with the time at which their slots end."""

    def __init__(self, limit: int) -> None:
        self.limit, self.user_id = limit, f"user-{uuid4()}"
        Totals(self.user_id).save()
        self.now = datetime(2026, 1, 1, tzinfo=UTC)
        self.held: dict[int, Sender] = {}

    def living(self) -> dict[int, Sender]:
        return {number: one for number, one in self.held.items() if one.expires_at >= clock.milliseconds(self.now)}

    def take(self, number: int, seconds: int) -> None:
        again = self.living().get(number)
        sender = again or Sender(
            self.user_id, "session", "turn", clock.milliseconds(self.now + timedelta(seconds=seconds))
        )
        if again is None and len(self.living()) >= self.limit:
            with pytest.raises(TooManyTurnsError):
                slots.take(sender, self.limit)
            return
        slots.take(sender, self.limit)
        self.held = self.living() | {number: sender}

    def release(self, number: int, _: int) -> None:
        if sender := self.held.pop(number, None):
            slots.release(sender)

    def wait(self, _: int, seconds: int) -> None:
        self.now += timedelta(seconds=seconds)


@pytest.mark.thorough
@settings(max_examples=50)  # each count has a user of its own
@given(limit=st.integers(1, 4), steps=st.lists(st.one_of(TAKE, TAKE, RELEASE, WAIT), max_size=30))
def test_as_many_senders_as_the_limit_hold_slots_at_any_time(
    engine: Any, limit: int, steps: list[tuple[str, int, int]]
) -> None:
    count = Count(limit)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(clock, "read", lambda: count.now)
        for name, number, seconds in steps:
            getattr(count, name)(number, seconds)
            living = {one.owner for one in count.living().values()}
            assert living <= stored(count.user_id)
            assert len(stored(count.user_id)) <= limit


def stored(user_id: str) -> set[str]:
    key = Totals(user_id)
    found = list(Totals.query(key.pk, Totals.sk == key.sk, consistent_read=True))
    return set(found[0].slots or ()) if found else set()


def sender(user_id: str, seconds: float = 60) -> Sender:
    return Sender(user_id, "session", "turn", clock.milliseconds(clock.now() + timedelta(seconds=seconds)))


@pytest.fixture
def user_id(engine: Any) -> str:
    """A user with totals, as each one has who has a session."""
    name = f"user-{uuid4()}"
    Totals(name).save()
    return name


def test_a_user_who_was_erased_gets_no_slot_and_no_totals(engine: Any, user_id: str) -> None:
    Totals(user_id).delete()
    with pytest.raises(SessionNotFoundError):
        slots.take(sender(user_id), 1)
    assert list(Totals.query(Totals(user_id).pk)) == []


def test_a_slot_is_given_back_though_a_turn_of_the_users_is_being_stored(engine: Any, user_id: str) -> None:
    mine = sender(user_id)
    slots.take(mine, 1)
    with refusing("UpdateItem", *[refused("TransactionConflictException")] * 2) as left:
        slots.release(mine)
    assert (left, stored(user_id)) == ([], set())


def test_the_dead_are_removed_though_a_turn_of_the_users_is_being_stored(engine: Any, user_id: str) -> None:
    slots.take(sender(user_id, -1), 1)
    mine = sender(user_id)
    full = refused("ConditionalCheckFailedException")
    with refusing("UpdateItem", full, refused("TransactionConflictException")) as left:
        slots.take(mine, 1)
    assert (left, stored(user_id)) == ([], {mine.owner})


def test_who_gives_back_a_slot_that_was_never_taken_leaves_no_item(engine: Any, user_id: str) -> None:
    Totals(user_id).delete()
    slots.release(sender(user_id, 0))
    assert list(Totals.query(Totals(user_id).pk)) == []
