"""Turns that go on from an older checkpoint than the thread's head, under the guard, and become the head."""

import operator
import os
from dataclasses import dataclass, field
from typing import Annotated, Any, TypedDict

import pytest
from botocore.exceptions import ClientError
from hypothesis import given, settings
from hypothesis import strategies as st
from langgraph.channels.delta import DeltaChannel
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import START, StateGraph

from chatkeep.checkpointer import DynamoDBSaver, StagedSaver, strict_serializer
from chatkeep.errors import CheckpointGoneError, ConcurrentWriteError
from tests.checkpoint_threads import TABLE


def _extended(state: list[str], writes: list[list[str]]) -> list[str]:
    return [*state, *(element for write in writes for element in write)]


class Seen(TypedDict):
    seen: int


class Inner(Seen):
    """The subgraph remembers what it was given in all turns; only its number is handed back."""

    words: Annotated[list[str], operator.add]


class State(Seen):
    words: Annotated[list[str], operator.add]
    log: Annotated[list[str], DeltaChannel(_extended)]


def graph(checkpointer: Any) -> Any:
    inner = StateGraph(Inner, output_schema=Seen)
    inner.add_node("count", lambda state: {"seen": len(state["words"])})
    inner.add_edge(START, "count")
    outer = StateGraph(State)
    outer.add_node("log", lambda state: {"log": [f"after {len(state['words'])} and {len(state['log'])}"]})
    outer.add_node("inner", inner.compile(checkpointer=True))
    outer.add_edge(START, "log")
    outer.add_edge("log", "inner")
    return outer.compile(checkpointer=checkpointer)


@dataclass
class Story:
    """A thread; `made` are its checkpoints, each with what was said in the turns that led to it."""

    client: Any
    thread_id: str = field(default_factory=lambda: f"thread-{os.urandom(6).hex()}")
    made: list[tuple[str, list[str]]] = field(default_factory=lambda: [("", [])])

    def __post_init__(self) -> None:
        self.saver = DynamoDBSaver(TABLE, self.client, require_head_parent=True, cache_bytes=1_000_000)

    def take(self, said: str, back: int | None = None) -> None:
        """Run a turn, on the head or on what was made some checkpoints back."""
        start, before = self.made[-1 if back is None else -1 - back % len(self.made)]
        staged = self.run(said, None if back is None else start)
        commit(self.client, staged)
        self.made.append((str(staged.ends(self.thread_id)[1]), [*before, said]))

    def run(self, said: str, start: str | None) -> StagedSaver:
        staged = self.saver.staged(start=start)
        graph(staged).invoke({"words": [said]}, config(self.thread_id), durability="exit")
        return staged

    def values(self, checkpoint_id: str | None = None) -> Any:
        """As a process finds them that has seen nothing of the thread."""
        return graph(DynamoDBSaver(TABLE, self.client)).get_state(config(self.thread_id, checkpoint_id)).values


def config(thread_id: str, checkpoint_id: str | None = None) -> Any:
    names = {"thread_id": thread_id, "checkpoint_ns": ""}
    return {"configurable": {**names, "checkpoint_id": checkpoint_id} if checkpoint_id else names}


def straight(said: list[str]) -> Any:
    """The values of a thread that never branched, in which this was said."""
    made = graph(InMemorySaver(serde=strict_serializer()))
    for one in said:
        made.invoke({"words": [one]}, config("thread"), durability="exit")
    return made.get_state(config("thread")).values


def commit(client: Any, staged: StagedSaver) -> None:
    writes = staged.writes()
    client.transact_write_items(TransactItems=[*writes.payload, *writes.heads])
    staged.committed(writes)


STEPS = st.lists(st.tuples(st.sampled_from([2, 900]), st.none() | st.integers(0, 5)), min_size=2, max_size=6)


@given(steps=STEPS)
@settings(max_examples=int(os.environ.get("CHATKEEP_EXAMPLES", "4")))
def test_each_branch_is_as_if_there_were_no_other(dynamodb: Any, steps: list[tuple[int, int | None]]) -> None:
    story = Story(dynamodb)
    for number, (length, back) in enumerate(steps):
        story.take(f"{number}" * length, back)
        assert story.values() == straight(story.made[-1][1])
    for checkpoint_id, said in story.made[1:]:
        assert story.values(checkpoint_id) == straight(said)


@pytest.fixture
def story(dynamodb: Any) -> Story:
    """A thread with two turns."""
    made = Story(dynamodb)
    made.take("one" * 500)
    made.take("two" * 500)
    return made


def test_a_turn_says_from_which_checkpoint_it_went_on_and_which_it_made(story: Story) -> None:
    _, (one, _), (two, _) = story.made
    staged = story.run("three", one)
    begun, made = staged.ends(story.thread_id)
    assert begun == one
    assert str(made) > two
    assert story.run("four", None).ends(story.thread_id)[0] == two
    assert story.saver.staged().ends(story.thread_id) == (None, None)


def test_a_turn_may_start_as_on_an_empty_thread(story: Story) -> None:
    staged = story.run("anew", "")
    assert staged.ends(story.thread_id)[0] is None
    commit(story.client, staged)
    assert story.values()["words"] == ["anew"]
    assert story.values(story.made[1][0])["words"] == ["one" * 500]


@pytest.mark.parametrize("start", [0, 1])
def test_a_turn_is_refused_where_another_became_the_head_since_it_began(story: Story, start: int) -> None:
    staged = story.run("late", story.made[start][0])
    story.take("three")
    with pytest.raises(ClientError, match="ConditionalCheckFailed"):
        commit(story.client, staged)
    with pytest.raises(ConcurrentWriteError):
        staged.writes(fresh=True)
    assert story.values()["words"][-1] == "three"


def test_a_turn_costs_no_second_try_where_the_guard_is_as_it_was(story: Story) -> None:
    """Its rows take no keys that the branch before has taken: see `take`, which tries once."""
    for _ in range(3):
        story.made.append(story.made[1])
        story.take("again" * 500, 0)
    assert story.values()["words"] == ["one" * 500, "again" * 500]


def test_a_checkpoint_that_is_not_there_is_no_empty_thread(story: Story) -> None:
    missing = f"{story.made[1][0][:-1]}x"
    assert story.saver.holds(story.thread_id, story.made[1][0])
    assert not story.saver.holds(story.thread_id, missing)
    with pytest.raises(CheckpointGoneError, match=missing):
        story.run("three", missing)
