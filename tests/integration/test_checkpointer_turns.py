"""Turns through staged savers of two warm processes against InMemorySaver, whatever happens to the messages."""

import os
from dataclasses import dataclass, field
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, RemoveMessage
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.graph.message import REMOVE_ALL_MESSAGES

from chatkeep.checkpointer import DynamoDBSaver, StagedSaver, strict_serializer
from tests.checkpoint_threads import TABLE

CACHES = (10_000_000, 30_000)
"""Of the two processes: one keeps the thread, one keeps losing some of it."""
EDITS = ["append", "append", "change", "remove", "reverse", "replace", "summarize", "clear"]


class State(MessagesState):
    edit: tuple[str, int, int]


def edited(state: State) -> Any:
    """Edit the messages as a node does; some change in place, as in a careless node."""
    kind, at, length = state["edit"]
    messages = state["messages"]
    chosen = messages[at % len(messages)]
    answer = AIMessage("." * length, id=f"answer to {messages[-1].id}")
    if kind == "change":
        chosen.content = f"changed for {messages[-1].id}" + "." * length
        chosen.additional_kwargs["changed"] = True
    everything = RemoveMessage(REMOVE_ALL_MESSAGES)
    summary = AIMessage(f"{at} messages " + "." * length, id=f"summary for {messages[-1].id}")
    written: dict[str, list[BaseMessage]] = {
        "remove": [RemoveMessage(chosen.id or "")],
        "reverse": [everything, *reversed(messages)],
        "replace": [AIMessage("replaced" + "." * length, id=chosen.id)],
        "summarize": [everything, summary, *messages[at % len(messages) :]],
        "clear": [everything],
    }
    return {"messages": [*written.get(kind, []), answer]}


def graph(saver: Any) -> Any:
    builder = StateGraph(State)
    builder.add_node("edited", edited)
    builder.add_edge(START, "edited")
    return builder.compile(checkpointer=saver)


@dataclass
class Step:
    """One turn: its process, its starting checkpoint, its edit, and its fate."""

    edit: tuple[str, int, int]
    process: int
    back: int | None
    fate: str

    def said(self, number: int) -> dict[str, Any]:
        return {"messages": [HumanMessage(f"question {number}", id=f"{number}")], "edit": self.edit}


steps = st.builds(
    Step,
    st.tuples(st.sampled_from(EDITS), st.integers(0, 30), st.sampled_from([5, 900, 3_000])),
    st.integers(0, 1),
    st.none() | st.none() | st.integers(0, 5),
    st.sampled_from(["commit", "commit", "commit", "abandon", "overtaken"]),
)


@dataclass
class Twins:
    """A thread in memory and the same in the table; `made` are the checkpoints of both, in pairs."""

    client: Any
    thread_id: str
    made: list[tuple[Any, Any]] = field(default_factory=list)
    turns: int = 0

    def __post_init__(self) -> None:
        self.processes = [DynamoDBSaver(TABLE, self.client, cache_bytes=size) for size in CACHES]
        self.memory = InMemorySaver(serde=strict_serializer())

    def config(self, checkpoint_id: str | None = None) -> Any:
        names = {"thread_id": self.thread_id, "checkpoint_ns": ""}
        return {"configurable": {**names, "checkpoint_id": checkpoint_id} if checkpoint_id else names}

    def take(self, step: Step) -> None:
        """Run a turn, on the head or on what was made some checkpoints back, and let happen to it what has to."""
        theirs, ours = self.head()
        if step.back is not None and self.made:
            theirs, ours = self.made[-1 - step.back % len(self.made)]
        staged, said = self.run(step, ours)
        if step.fate == "abandon":
            return
        if step.fate == "overtaken" and self.made:  # in memory, a first turn cannot be put beside another
            other = Step(("append", 0, 2_000), 1 - step.process, None, "commit")
            self.store(theirs, *self.run(other, ours))
        self.store(theirs, staged, said)

    def head(self) -> tuple[Any, Any]:
        """Without a checkpoint id in the table's, as most turns ask for it."""
        newest = max(self.made, key=lambda pair: str(pair[1]["configurable"]["checkpoint_id"]), default=None)
        return (newest[0] if newest else self.config()), self.config()

    def run(self, step: Step, config: Any) -> tuple[StagedSaver, Any]:
        staged = self.processes[step.process].staged()
        self.turns += 1
        graph(staged).invoke(step.said(self.turns), config, durability="exit")
        return staged, step.said(self.turns)

    def store(self, on: Any, staged: StagedSaver, said: Any) -> None:
        """Commit a turn, and run the same in memory."""
        graph(self.memory).invoke(said, on, durability="exit")
        self.commit(staged)
        newest = staged.get_tuple(self.config())
        assert newest
        self.made.append((self.config(max(self.memory.storage[self.thread_id][""])), newest.config))

    def commit(self, staged: StagedSaver) -> None:
        writes = staged.writes()
        try:
            self.client.transact_write_items(TransactItems=[*writes.payload, *writes.heads])
        except self.client.exceptions.TransactionCanceledException:
            writes = staged.writes(fresh=True)
            self.client.transact_write_items(TransactItems=[*writes.payload, *writes.heads])
        staged.committed(writes)

    def check(self, saver: Any, made: list[tuple[Any, Any]]) -> None:
        for theirs, ours in made:
            assert values(saver.get_tuple(ours)) == values(self.memory.get_tuple(theirs))


def values(found: Any) -> Any:
    return found and found.checkpoint["channel_values"]


@given(steps=st.lists(steps, min_size=2, max_size=8))
@settings(
    max_examples=int(os.environ.get("CHATKEEP_EXAMPLES", "6")),
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
def test_a_thread_is_what_a_saver_in_memory_has(dynamodb: Any, user_id: str, steps: list[Step]) -> None:
    twins = Twins(dynamodb, f"{user_id}-{os.urandom(6).hex()}")
    for step in steps:
        twins.take(step)
        for process in twins.processes:
            twins.check(process, twins.made[-1:])
    for saver in (*twins.processes, DynamoDBSaver(TABLE, dynamodb)):
        twins.check(saver, twins.made)
