"""Streamed turns whose process dies, or whose network fails, at each request to DynamoDB in turn, in any thread."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from itertools import count
from typing import Any

import pytest

from chatkeep.messages import parts
from chatkeep.streams import batches, copy
from chatkeep.turns import overflow
from chatkeep.turns.lease import CancelAction
from tests import told_graphs
from tests.cases import cases, one_in
from tests.chat import deployment
from tests.faults.injector import FOR_GOOD, OF_BATCHES, Fault
from tests.faults.story import Impatient
from tests.faults.stream_story import StreamStory, quiet_deaths
from tests.told_graphs import Script, Step

FAULTS = [one for one in Fault if one not in FOR_GOOD | OF_BATCHES]
EVERY = [(one, number, len(FAULTS)) for number, one in enumerate(FAULTS)]
"""Each request meets one of the faults, and those beside it the others: all at each would take an hour."""
SPOKEN = "tests.told_graphs:spoken"


@dataclass(frozen=True)
class Scenario:
    """A streamed turn whose every exchange with DynamoDB fails once."""

    graph: str = SPOKEN
    content: str = "how are you"
    key: str | None = None
    steps: tuple[Step, ...] = (Step(["I ", "am ", "well"]),)
    pause: float = 0.004
    stop: CancelAction = CancelAction.KEEP
    is_small: bool = False
    """Whether the limits are made small enough to be met several times."""

    @property
    def next_content(self) -> str:
        """Another question that the graph answers."""
        return "quick" if "patient" in self.graph else "and then"


LOOKED_UP = (
    Step(["Let ", "me "], ["hm", "m"], [{"at": "work"}, 1.5], ["call"]),
    Step(result="found"),
    Step(["It ", "is ", "there"]),
)
SCENARIOS = {
    "a plain turn": Scenario(),
    "a turn with a key": Scenario(key="k"),
    "an agent with tools, thoughts and events of its own": Scenario(steps=LOOKED_UP, key="k"),
    "a large answer": Scenario(
        steps=(Step([f"{number:x}" * 40 for number in range(3**20, 3**20 + 12)]),), key="k", pause=0.001, is_small=True
    ),
    "a cancelled turn": Scenario("tests.graphs:patient", "think", key="k"),
    "a turn that is rolled back": Scenario("tests.graphs:patient", "think", stop=CancelAction.ROLL_BACK),
}
PLAIN = "a turn with a key"


@pytest.fixture(params=cases(SCENARIOS.keys(), thorough=SCENARIOS.keys() - {PLAIN}))
def scenario(request: pytest.FixtureRequest, impatient: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Scenario]:
    found = SCENARIOS[request.param]
    monkeypatch.setattr("chatkeep.retrying.time", Impatient())
    monkeypatch.setattr(copy, "BETWEEN_SECONDS", 0.002)
    monkeypatch.setattr(told_graphs, "script", [Script(found.steps, found.pause)])
    if found.is_small:
        monkeypatch.setattr(batches, "PIECE_BYTES", 100)
        monkeypatch.setattr(copy, "MOST_IN_TRANSACTION", 300)
        monkeypatch.setattr(overflow, "MOST_BYTES", 20_000)
        monkeypatch.setattr(parts, "INLINE_BYTES", 4_000)
        monkeypatch.setattr(parts, "PART_BYTES", 2_000)
    with deployment(monkeypatch, {"GRAPH": found.graph}), quiet_deaths(monkeypatch):
        yield found


@pytest.fixture
def new_stream_story(
    dynamodb: Any, pass_time: Callable[[timedelta], None], scenario: Scenario
) -> Callable[[], StreamStory]:
    """Its waits take thirty seconds, as long as a turn that died may block its session."""
    return lambda: StreamStory(dynamodb, lambda: pass_time(timedelta(seconds=30)), stop=scenario.stop)


@pytest.mark.parametrize(("fault", "first", "apart"), one_in(len(FAULTS) + 1, [(Fault.DIED_AFTER, 0, 5), *EVERY]))
def test_a_streamed_turn_that_fails_anywhere_leaves_four_views_that_agree(
    new_stream_story: Callable[[], StreamStory], scenario: Scenario, fault: Fault, first: int, apart: int
) -> None:
    for at in count(first, apart):
        story = new_stream_story()
        hit, turn = story.stream_amid(fault, at, scenario.content, scenario.key)
        if not hit:
            break
        story.check()
        story.wait()
        story.check_events(turn)
        story.stream(scenario.next_content)
        story.check()
        story.check_nothing_is_pending()
    assert at > 5


@pytest.mark.parametrize("scenario", [PLAIN], indirect=True)
@pytest.mark.parametrize(
    ("fault", "apart"), one_in(3, [(Fault.DIED_AFTER, 6), (Fault.DIED_AFTER, 1), (Fault.DIED_BEFORE, 1)])
)
def test_a_client_of_a_turn_that_died_gets_the_repetition_from_its_beginning(
    new_stream_story: Callable[[], StreamStory], scenario: Scenario, fault: Fault, apart: int
) -> None:
    for at in count(0, apart):
        story = new_stream_story()
        hit, turn = story.stream_amid(fault, at, scenario.content, scenario.key)
        if not hit:
            break
        story.wait()
        again = story.stream(scenario.content, scenario.key)
        story.check()
        if not again.shown:  # it was stored before the process died
            story.check_events(turn)
            continue
        story.check_nothing_is_pending()
        story.check_events(again)
        for place in {0, *(one.number for one in turn.shown)}:
            assert story.followed(again.turn_id, place) == again.shown
        assert not {one.number for one in turn.shown} & {one.number for one in again.shown}
    assert at > 4


@pytest.mark.thorough
@pytest.mark.parametrize("fault", [Fault.THROTTLED_FOR_LONG, Fault.TIMED_OUT_FOR_LONG, Fault.TIMED_OUT_AFTER])
@pytest.mark.parametrize("scenario", [PLAIN], indirect=True)
def test_a_follower_that_fails_goes_on_where_it_was(
    new_stream_story: Callable[[], StreamStory], scenario: Scenario, fault: Fault
) -> None:
    story = new_stream_story()
    turn = story.stream(scenario.content, scenario.key)
    for after in (0, turn.shown[2].number, turn.shown[-2].number):
        for at in count():
            hit, rest = story.followed_amid(fault, at, turn.turn_id, after)
            assert rest == [one for one in turn.shown if one.number > after]
            if not hit:
                break
        assert at > 2
