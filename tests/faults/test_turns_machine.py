"""Random stories of one session, held step by step against a small model of what may be stored."""

from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from chatkeep import clock
from chatkeep.turns import repair, supervision
from functions.sessions import cancelling
from tests import graphs
from tests.chat import deployment, new_session, send
from tests.client import Client, Response
from tests.faults.injector import Fault, Impatient, ProcessDiedError, apart, outage
from tests.views import Views, views

DEATHS = (Fault.DIED_BEFORE, Fault.DIED_AFTER, Fault.TIMED_OUT_FOR_LONG, Fault.LATE)
CONTENTS = st.sampled_from(["quick one", "quick two", "cancel this", "cancel that"])
"""What is not quick is cancelled as soon as it has said something."""
KEYS = st.sampled_from([None, "a", "b", "c"])


class Story(RuleBasedStateMachine):
    """`answers` are the acknowledged turns in order; `unknown` counts the questions nobody knows the fate of."""

    dynamodb: Any
    shifts: list[timedelta]

    def __init__(self) -> None:
        super().__init__()
        self.user_id = f"user-{uuid4()}"
        self.api = Client(self.user_id)
        self.session_id = new_session(self.api)
        self.answers: list[dict[str, Any]] = []
        self.unknown: Counter[str] = Counter()
        self.bodies: dict[str, str] = {}
        self.status = "active"
        self.held = False
        graphs.meanwhile[:] = [self._cancel]

    def _cancel(self) -> None:
        with apart():
            cancelling.cancel(self.user_id, self.session_id, None)

    def views(self) -> Views:
        return views(self.dynamodb, self.user_id, self.session_id)

    @rule(content=CONTENTS, key=KEYS)
    def say(self, content: str, key: str | None) -> None:
        api = self.api.with_deadline(6) if self.held else self.api  # a repetition waits for the one that died
        self._note(send(api, self.session_id, content, key=key), content, key)

    @rule(content=CONTENTS, key=KEYS, fault=st.sampled_from(DEATHS), at=st.integers(0, 6))
    def say_and_die(self, content: str, key: str | None, fault: Fault, at: int) -> None:
        with outage(fault, at):
            try:
                response = send(self.api.with_deadline(14), self.session_id, content, key=key)
            except ProcessDiedError:
                response = None
        self.held = True
        if response is not None and response.status != 503:
            self._note(response, content, key)
        elif self.status == "active" and self.bodies.get(key or "", content) == content:
            self.unknown[content] += 1

    def _note(self, response: Response, content: str, key: str | None) -> None:
        if response.status == 200:
            assert response.json["user_message"]["content"] == content
            assert key is None or self.bodies.setdefault(key, content) == content
            if response.json not in self.answers:
                self.answers.append(response.json)
            return
        allowed = {"session_" + self.status}
        if self.held:
            allowed |= {"turn_in_progress", "turn_timed_out"}
        if key is not None:
            allowed.add("idempotency_key_reused")
        assert response.json["code"] in allowed

    @rule()
    def wait(self) -> None:
        """Until each lease has expired."""
        self.shifts.append(timedelta(hours=1))
        self.held = False

    @rule()
    def sweep(self) -> None:
        repair.sweep()

    @rule()
    def cancel(self) -> None:
        response = self.api.post(f"/sessions/{self.session_id}/cancel")
        assert response.status == 409 or (self.held and response.status == 202)

    @precondition(lambda self: self.status != "deleted")
    @rule(archived=st.booleans(), pinned=st.booleans())
    def change(self, archived: bool, pinned: bool) -> None:
        changes = {"is_archived": archived, "is_pinned": pinned}
        assert self.api.patch(f"/sessions/{self.session_id}", json=changes).status == 200
        self.status = "archived" if archived else "active"

    @precondition(lambda self: len(self.answers) > 3)
    @rule()
    def delete(self) -> None:
        assert self.api.delete(f"/sessions/{self.session_id}").status == 200
        self.status = "deleted"

    @invariant()
    def the_views_agree_and_hold_what_was_acknowledged_once(self) -> None:
        found = self.views()
        found.check()
        for answer in self.answers:
            assert [one for one in found.transcript if one["turn_id"] == answer["turn_id"]].count(
                answer["message"]
            ) == 1
        known = Counter(answer["user_message"]["content"] for answer in self.answers)
        shown = Counter(one["content"] for one in found.transcript if one["role"] == "user")
        assert known <= shown <= known + self.unknown

    def teardown(self) -> None:
        self.shifts.append(timedelta(hours=1))
        repair.sweep()
        found = self.views()
        assert "lease_turn_id" not in found.session


@pytest.fixture
def machine(dynamodb: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[type[Story]]:
    shifts: list[timedelta] = []
    real = clock.read
    monkeypatch.setattr(clock, "read", lambda: real() + sum(shifts, timedelta()))
    monkeypatch.setattr(supervision, "FIRST_LOOK_SECONDS", 0.02)
    monkeypatch.setattr(supervision, "LOOK_SECONDS", 0.02)
    monkeypatch.setattr("botocore.endpoint.time", Impatient())
    with deployment(monkeypatch, {"GRAPH": "tests.graphs:patient"}):
        yield type("Story", (Story,), {"dynamodb": dynamodb, "shifts": shifts})


@pytest.mark.thorough
def test_whatever_happens_to_a_session_its_views_agree_and_acknowledged_turns_stay(machine: type[Story]) -> None:
    wanted = settings(
        max_examples=20, stateful_step_count=15, suppress_health_check=list(HealthCheck), derandomize=True
    )
    run_state_machine_as_test(machine, settings=wanted)
