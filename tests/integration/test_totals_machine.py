"""Totals and days through random lives of sessions, every request and every job repeated."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from chatkeep import retrying
from tests.lives import ACTIONS, Lives

CHOSEN = ("a", "a.", "a:b", "a:b:c")
"""Ids that clients choose, and that another user has chosen too."""
WRONG = ("", " ", "b", "a#b", "a\x1fb", "é", "x" * 100, "0198c0de-5e55-7000-8000-000000000001")
KEYS = st.booleans().map(lambda given: str(uuid4()) if given else None)
SETTINGS = st.fixed_dictionaries(
    {},
    optional={
        "session_id": st.sampled_from(CHOSEN),
        "expire_after_days": st.sampled_from([1, 10, None]),
        "is_temporary": st.just(True),
    },
).filter(lambda body: not {"expire_after_days", "is_temporary"} <= body.keys())
REPORTS = st.fixed_dictionaries(
    {"message_count": st.integers(0, 3)},
    optional={"tokens_used": st.integers(0, 10**12), "cost": st.sampled_from([0, 0.1, 1e-6, 4e-7, 12.345678])},
)


class Machine(RuleBasedStateMachine):
    pass_time: Callable[[timedelta], None]

    def __init__(self) -> None:
        super().__init__()
        self.lives, self.others = Lives(), Lives()

    @initialize()
    def begin(self) -> None:
        for lives in (self.lives, self.others):
            lives.create(session_id=CHOSEN[0])
            lives.create()
        for named in self.others.names():
            self.others.spend("usage", named, {"tokens_used": 7, "cost": 0.1}, None)
        self.others.spend("messages", CHOSEN[0], {"content": "one two"}, None)
        self.others.rate(CHOSEN[0], "thumbs_down")

    def named(self, data: st.DataObject) -> str:
        return data.draw(st.sampled_from(self.lives.names()))

    @rule(body=SETTINGS)
    def create(self, body: dict[str, Any]) -> None:
        self.lives.create(**body)

    @rule(data=st.data(), key=KEYS)
    def take_a_turn(self, data: st.DataObject, key: str | None) -> None:
        self.lives.spend("messages", self.named(data), {"content": "one two"}, key)

    @rule(data=st.data(), rating=st.sampled_from(["thumbs_up", "thumbs_down", None]))
    def rate(self, data: st.DataObject, rating: str | None) -> None:
        self.lives.rate(self.named(data), rating)

    @rule(data=st.data(), body=REPORTS, key=KEYS)
    def report(self, data: st.DataObject, body: dict[str, Any], key: str | None) -> None:
        self.lives.spend("usage", self.named(data), body, key)

    @rule(data=st.data(), action=st.sampled_from(ACTIONS), key=KEYS)
    def act(self, data: st.DataObject, action: str, key: str | None) -> None:
        self.lives.act(action, self.named(data), key)

    @rule(data=st.data(), action=st.sampled_from(ACTIONS), key=KEYS)
    def act_on_many(self, data: st.DataObject, action: str, key: str | None) -> None:
        own = [*self.lives.names(), *self.lives.sessions]
        mixed = [*own, *CHOSEN, *WRONG, *self.others.names(), *self.others.sessions]
        self.lives.bulk(action, data.draw(st.lists(st.sampled_from(mixed), min_size=1, max_size=12)), key)

    @rule(data=st.data(), days=st.sampled_from([0, 0, 2, 15, 31]))
    def purge(self, data: st.DataObject, days: int) -> None:
        self.pass_time(timedelta(days=days))
        self.lives.deliver(lambda due: data.draw(st.permutations(due)))

    @invariant()
    def the_totals_are_those_of_the_sessions_and_the_days_those_of_all_turns(self) -> None:
        self.lives.check()

    def teardown(self) -> None:
        self.others.check()


@pytest.fixture
def machine(engine: object, pass_time: Callable[[timedelta], None], monkeypatch: pytest.MonkeyPatch) -> type[Machine]:
    monkeypatch.setattr(retrying, "sleep", lambda _: None)  # the pace of a purge
    return type("Machine", (Machine,), {"pass_time": staticmethod(pass_time)})


@pytest.mark.thorough
def test_whatever_happens_to_sessions_each_turn_counts_once_and_only_while_its_session_exists(
    machine: type[Machine],
) -> None:
    run_state_machine_as_test(machine, settings=settings(max_examples=12, stateful_step_count=30))


def test_a_session_counts_by_its_state_until_it_is_removed(machine: type[Machine]) -> None:
    lives = Lives()
    lives.create(session_id="a")
    lives.spend("usage", "a", {"message_count": 1, "tokens_used": 7, "cost": 0.1}, "k")
    lives.spend("messages", "a", {"content": "one two"}, "k")
    lives.rate("a", "thumbs_up")
    for action in ("archive", "delete", "restore", "delete", "delete_permanently", "restore", "delete_permanently"):
        lives.act(action, "a", "k")
        lives.rate("a", "thumbs_down" if action == "restore" else "thumbs_up")
        lives.check()
    lives.create(session_id="a")
    lives.deliver(lambda due: due[::-1])
    lives.create(session_id="a")
    lives.check()


def test_bulk_requests_with_ids_of_all_kinds_count_each_session_once(machine: type[Machine]) -> None:
    lives = Lives()
    for body in ({"session_id": "a"}, {"session_id": "a:b"}, {"is_temporary": True}):
        lives.create(**body)
        lives.spend("usage", lives.names()[-1], {"tokens_used": 7, "cost": 0.1}, None)
    lives.act("delete_permanently", "a:b", None)
    mixed = [*lives.names(), *lives.sessions, *WRONG]
    for number, action in enumerate(("archive", "delete", "restore", "unarchive", "delete_permanently")):
        lives.bulk(action, mixed, str(number) if number % 2 == 0 else None)
        lives.check()


def test_what_expires_counts_until_it_is_purged_and_in_the_days_for_good(machine: type[Machine]) -> None:
    lives = Lives()
    for body in ({"expire_after_days": 1}, {"expire_after_days": 3}, {"is_temporary": True}, {}):
        lives.create(**body)
    for days in (0, 2, 2, 4, 40):
        machine.pass_time(timedelta(days=days))
        lives.deliver(lambda due: due[::-1])
        lives.check()
        for named in lives.names():
            lives.spend("usage", named, {"tokens_used": 7, "cost": 0.1}, None)
