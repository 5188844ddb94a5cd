"""Turns whose process dies, or whose network fails, at each request to DynamoDB in turn: nothing is lost or doubled."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import count
from typing import Any

import pytest

from chatkeep.messages import parts
from chatkeep.turns import overflow
from tests.cases import cases, one_in
from tests.chat import deployment
from tests.client import Response
from tests.faults.injector import FOR_GOOD, OF_BATCHES, Fault
from tests.faults.story import Impatient, Story

FAULTS = [one for one in Fault if one not in FOR_GOOD | OF_BATCHES]
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
    fails_first: bool = False
    """Whether that one fails."""
    fails: bool = False
    is_again: bool = False
    """Instead of the content, an answer is sent to be made again, after which another question was answered."""

    def send(self, story: Story, answer: dict[str, Any]) -> Response:
        """Make the request; `answer` is the first that the session has got."""
        return story.redo(answer, self.key) if self.is_again else story.say(self.content, self.key)

    def send_amid(self, story: Story, answer: dict[str, Any], fault: Fault, at: int) -> bool:
        """The same amid a fault. Returns whether it hit an exchange."""
        if self.is_again:
            return story.redo_amid(fault, at, answer, self.key)
        return story.say_amid(fault, at, self.content, self.key, fails=self.fails)[0]

    def another(self, number: int) -> str:
        """Another question that the graph answers."""
        if "brief" in self.graph:
            return f"{number} " * 100
        return f"quick {number}" if "patient" in self.graph or "moody" in self.graph else f"{number} 100"


SCENARIOS = {
    "a plain turn": Scenario("chatkeep.agent.graph:build_graph", "how are you"),
    "a turn with a key": Scenario("chatkeep.agent.graph:build_graph", "how are you", key="k"),
    "a repetition": Scenario("chatkeep.agent.graph:build_graph", "how are you", key="k", first="how are you"),
    "a turn that fails": Scenario("tests.graphs:moody", "quick", key="k", fails=True),
    "one that fails again": Scenario("tests.graphs:moody", "quick", "k", "quick", fails_first=True, fails=True),
    "one that failed before": Scenario("tests.graphs:moody", "quick", "k", "quick", fails_first=True),
    "a cancelled turn": Scenario("tests.graphs:patient", "think", key="k"),
    "an agent with tools": Scenario("tests.graphs:agent", "one two three", key="k"),
    "an answer made again": Scenario("tests.graphs:varied", "", is_again=True),
    "an agent's answer made again": Scenario("tests.graphs:agent", "", key="k", is_again=True),
    "a turn with a summary": Scenario("tests.graphs:brief", "and then " * 60, key="k"),
    "a state of several transactions": Scenario("tests.graphs:flood", "6 5000", key="k"),
}
FEW = {Fault.RIVAL, Fault.TIMED_OUT_AFTER, Fault.DIED_AFTER}


@pytest.fixture(params=cases(SCENARIOS.keys(), thorough=SCENARIOS.keys() - {"a turn with a key"}))
def scenario(request: pytest.FixtureRequest, impatient: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Scenario]:
    found = SCENARIOS[request.param]
    monkeypatch.setattr("chatkeep.retrying.time", Impatient())
    if "several" in request.param:  # the limits, made small enough to be met three times by one turn
        monkeypatch.setattr(overflow, "MOST_BYTES", 20_000)
        monkeypatch.setattr(parts, "INLINE_BYTES", 4_000)
        monkeypatch.setattr(parts, "PART_BYTES", 2_000)
    with deployment(monkeypatch, {"GRAPH": found.graph}):
        yield found


def opened(new_story: Callable[[], Story], scenario: Scenario) -> Story:
    story = new_story()
    assert story.say(scenario.another(1)).status == 200
    if scenario.first:
        first = story.say(scenario.first, scenario.key, fails=scenario.fails_first)
        assert first.status == (500 if scenario.fails_first else 200)
    if scenario.is_again:
        assert story.say(scenario.another(3)).status == 200
    return story


@pytest.mark.parametrize("fault", cases(FAULTS, thorough=set(FAULTS) - FEW))
def test_a_turn_that_fails_anywhere_leaves_a_session_whose_views_agree(
    new_story: Callable[[], Story], scenario: Scenario, fault: Fault
) -> None:
    for at in count():
        story = opened(new_story, scenario)
        first = story.answers[0]
        if not scenario.send_amid(story, first, fault, at):
            break
        story.check()
        story.wait()
        if at % 2:
            story.sweep()
            story.check_nothing_is_pending()
        assert story.say(scenario.another(2)).status == 200
        story.check()
        story.check_nothing_is_pending()
    assert at > 1


@pytest.mark.parametrize("fault", one_in(2, LEAVES_THE_CLIENT_WITHOUT_AN_ANSWER))
def test_a_client_that_repeats_its_request_after_a_fault_gets_one_turn_with_a_key_and_else_at_most_two(
    new_story: Callable[[], Story], scenario: Scenario, fault: Fault
) -> None:
    for at in count():
        story = opened(new_story, scenario)
        first = story.answers[0]
        if not scenario.send_amid(story, first, fault, at):
            break
        story.wait()
        assert scenario.send(story, first).status == 200
        story.check()
        story.wait()
        story.sweep()
        story.check_nothing_is_pending()
    assert at > 1
