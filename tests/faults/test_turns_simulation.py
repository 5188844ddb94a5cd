"""Turns whose process dies, or whose network fails, at each request to DynamoDB in turn: nothing is lost or doubled."""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import count
from typing import Any
from uuid import uuid4

import pytest

from chatkeep import clock
from chatkeep.messages import parts
from chatkeep.turns import overflow, repair, supervision
from functions.chat import agent
from functions.chat.settings import settings
from functions.sessions import cancelling
from tests import graphs
from tests.client import Client, Response
from tests.faults.injector import Fault, Impatient, ProcessDiedError, apart, outage
from tests.views import views

HOUR = timedelta(hours=1)
LEAVES_THE_CLIENT_WITHOUT_AN_ANSWER = (
    Fault.THROTTLED_FOR_LONG,
    Fault.TIMED_OUT_FOR_LONG,
    Fault.DIED_BEFORE,
    Fault.DIED_AFTER,
    Fault.LATE,
)


@dataclass(frozen=True)
class Scenario:
    """A request whose every exchange with DynamoDB fails once."""

    graph: str
    content: str
    key: str | None = None
    first: str | None = None
    """Sent before, under the same key, without faults."""


SCENARIOS = {
    "a plain turn": Scenario("functions.chat.agent:build_graph", "how are you"),
    "a turn with a key": Scenario("functions.chat.agent:build_graph", "how are you", key="k"),
    "a repetition": Scenario("functions.chat.agent:build_graph", "how are you", key="k", first="how are you"),
    "a cancelled turn": Scenario("tests.graphs:patient", "think", key="k"),
    "an agent with tools": Scenario("tests.graphs:agent", "one two three", key="k"),
    "a state of several transactions": Scenario("tests.graphs:flood", "6 5000", key="k"),
}
FEW = {Fault.THROTTLED_FOR_LONG, Fault.RIVAL, Fault.TIMED_OUT_AFTER, Fault.DIED_AFTER, Fault.LATE}
LONG = SCENARIOS.keys() - {"a turn with a key"}


@pytest.fixture(params=[pytest.param(name, marks=[pytest.mark.thorough] if name in LONG else []) for name in SCENARIOS])
def scenario(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Scenario]:
    found = SCENARIOS[request.param]
    monkeypatch.setenv("GRAPH", found.graph)
    monkeypatch.setattr(supervision, "FIRST_LOOK_SECONDS", 0.05)
    monkeypatch.setattr(supervision, "LOOK_SECONDS", 0.05)
    monkeypatch.setattr("botocore.endpoint.time", Impatient())
    monkeypatch.setattr("chatkeep.retrying.time", Impatient())
    if "several" in request.param:  # the limits, made small enough to be met three times by one turn
        monkeypatch.setattr(overflow, "MOST_BYTES", 20_000)
        monkeypatch.setattr(parts, "INLINE_BYTES", 4_000)
        monkeypatch.setattr(parts, "PART_BYTES", 2_000)
    settings.cache_clear()
    agent.factory.cache_clear()
    yield found
    settings.cache_clear()
    agent.factory.cache_clear()


@dataclass
class Story:
    """A user's session, what was sent to it, and what was answered."""

    dynamodb: Any
    ahead: list[timedelta]
    user_id: str = field(default_factory=lambda: f"user-{uuid4()}")
    answers: dict[str, dict[str, Any]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.api = Client(self.user_id)
        self.session_id = self.api.post("/sessions", json={}).json["session_id"]

    def send(self, content: str, key: str | None = None) -> Response:
        headers = {"Idempotency-Key": key} if key else {}
        graphs.meanwhile[:] = [self._cancel]
        response = self.api.post(f"/sessions/{self.session_id}/messages", json={"content": content}, headers=headers)
        assert response.status in (200, 503), response.text
        if response.status == 200:
            self.answers[response.json["turn_id"]] = response.json
        return response

    def _cancel(self) -> None:
        with apart():
            cancelling.cancel(self.user_id, self.session_id, None)

    def wait(self) -> None:
        """Until each lease has expired."""
        self.ahead.append(HOUR)

    def check(self, content: str, most: int) -> None:
        """The views agree, what was acknowledged is there once, and `content` at most so often."""
        now = views(self.dynamodb, self.user_id, self.session_id)
        now.check()
        shown = Counter(one["message_id"] for one in now.transcript)
        for answer in self.answers.values():
            assert shown[answer["user_message"]["message_id"]] == 1
            assert shown[answer["message"]["message_id"]] == 1
            assert answer["message"] in now.transcript
        assert sum(one["role"] == "user" and one["content"] == content for one in now.transcript) <= most

    def check_nothing_is_pending(self) -> None:
        views(self.dynamodb, self.user_id, self.session_id).check_nothing_is_pending()


@pytest.fixture
def story(dynamodb: Any, monkeypatch: pytest.MonkeyPatch) -> Callable[[], Story]:
    shifts: list[timedelta] = []
    real = clock.read
    monkeypatch.setattr(clock, "read", lambda: real() + sum(shifts, timedelta()))
    return lambda: Story(dynamodb, shifts)


def failing(story: Story, scenario: Scenario, fault: Fault, at: int) -> bool:
    """Send the scenario's request with a fault, and say whether there was a request to fail."""
    with outage(fault, at) as met:
        try:
            story.send(scenario.content, scenario.key)
        except ProcessDiedError:
            assert met.dead
    return met.hit


def opened(story: Callable[[], Story], scenario: Scenario) -> Story:
    one = story()
    one.send("quick one" if "patient" in scenario.graph else "1 100")
    if scenario.first:
        one.send(scenario.first, scenario.key)
    return one


@pytest.mark.parametrize(
    "fault", [pytest.param(one, marks=() if one in FEW else pytest.mark.thorough) for one in Fault]
)
def test_a_turn_that_fails_anywhere_leaves_a_session_whose_views_agree(
    story: Callable[[], Story], scenario: Scenario, fault: Fault
) -> None:
    for at in count():
        one = opened(story, scenario)
        if not failing(one, scenario, fault, at):
            break
        one.check(scenario.content, most=1)
        one.wait()
        if at % 2:
            repair.sweep()
            one.check_nothing_is_pending()
        assert one.send("quick two" if "patient" in scenario.graph else "2 100").status == 200
        one.check(scenario.content, most=1)
        one.check_nothing_is_pending()
    assert at > 1


@pytest.mark.parametrize("fault", LEAVES_THE_CLIENT_WITHOUT_AN_ANSWER)
def test_a_client_that_repeats_its_request_after_a_fault_gets_one_turn_with_a_key_and_else_at_most_two(
    story: Callable[[], Story], scenario: Scenario, fault: Fault
) -> None:
    for at in count():
        one = opened(story, scenario)
        if not failing(one, scenario, fault, at):
            break
        one.wait()
        assert one.send(scenario.content, scenario.key).status == 200
        one.check(scenario.content, most=1 if scenario.key else 2)
        one.wait()
        repair.sweep()
        one.check_nothing_is_pending()
    assert at > 1
