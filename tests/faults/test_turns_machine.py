"""Random stories of one session, compared step by step with a small model of the possible states."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from tests.chat import deployment
from tests.faults.injector import Fault
from tests.faults.story import Story

DEATHS = (Fault.DIED_BEFORE, Fault.DIED_AFTER, Fault.TIMED_OUT_FOR_LONG, Fault.LATE)
CONTENTS = st.sampled_from(["quick one", "quick two", "cancel this", "cancel that"])
"""A turn that is not quick is cancelled at the model's first word."""
KEYS = st.sampled_from([None, "a", "b", "c"])


class Stories(RuleBasedStateMachine):
    begin: Callable[[], Story]

    def __init__(self) -> None:
        super().__init__()
        self.story = self.begin()

    @rule(content=CONTENTS, key=KEYS, fails=st.booleans())
    def say(self, content: str, key: str | None, fails: bool) -> None:
        self.story.say(content, key, fails=fails)

    @rule(content=CONTENTS, key=KEYS, fault=st.sampled_from(DEATHS), at=st.integers(0, 6), fails=st.booleans())
    def say_and_die(self, content: str, key: str | None, fault: Fault, at: int, fails: bool) -> None:
        self.story.say_amid(fault, at, content, key, fails=fails)

    @precondition(lambda self: self.story.answers)
    @rule(number=st.integers(0, 3))
    def redo(self, number: int) -> None:
        self.story.redo(self._answer(number))

    @precondition(lambda self: self.story.answers)
    @rule(number=st.integers(0, 3), fault=st.sampled_from(DEATHS), at=st.integers(0, 14))
    def redo_and_die(self, number: int, fault: Fault, at: int) -> None:
        self.story.redo_amid(fault, at, self._answer(number))

    def _answer(self, number: int) -> dict[str, Any]:
        return self.story.answers[-1 - number % len(self.story.answers)]

    @rule()
    def wait(self) -> None:
        self.story.wait()

    @rule()
    def sweep(self) -> None:
        self.story.sweep()

    @rule()
    def cancel(self) -> None:
        self.story.cancel()

    @precondition(lambda self: self.story.status != "deleted")
    @rule(archived=st.booleans(), pinned=st.booleans())
    def change(self, archived: bool, pinned: bool) -> None:
        self.story.change(is_archived=archived, is_pinned=pinned)

    @precondition(lambda self: len(self.story.answers) > 3)
    @rule()
    def delete(self) -> None:
        self.story.delete()

    @invariant()
    def the_views_agree_and_hold_what_was_acknowledged_once(self) -> None:
        self.story.check()

    def teardown(self) -> None:
        self.story.wait()
        self.story.sweep()
        assert "lease_turn_id" not in self.story.views().session


@pytest.fixture
def machine(
    new_story: Callable[[], Story], impatient: None, monkeypatch: pytest.MonkeyPatch
) -> Iterator[type[Stories]]:
    with deployment(monkeypatch, {"GRAPH": "tests.graphs:moody"}):
        yield type("Stories", (Stories,), {"begin": staticmethod(new_story)})


@pytest.mark.thorough
def test_whatever_happens_to_a_session_its_views_agree_and_acknowledged_turns_stay(machine: type[Stories]) -> None:
    wanted = settings(
        max_examples=20, stateful_step_count=15, suppress_health_check=list(HealthCheck), derandomize=True
    )
    run_state_machine_as_test(machine, settings=wanted)
