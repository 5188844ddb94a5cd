"""Pruning threads with subgraphs: a call goes with the checkpoint that it started from."""

from typing import Annotated, Any
from uuid import uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from langchain_core.runnables import RunnableConfig
from langgraph.channels.delta import DeltaChannel
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.types import Command, interrupt
from typing_extensions import TypedDict

from chatkeep.checkpointer import DynamoDBSaver
from tests.cases import one_in
from tests.checkpoint_threads import TABLE, Thread, another, noise


def nested(saver: Any, inside: Any, **options: Any) -> Any:
    inner = StateGraph(MessagesState)
    inner.add_node("inside", inside)
    inner.add_edge(START, "inside")
    outer = StateGraph(MessagesState)
    outer.add_node("call", inner.compile(**options))
    outer.add_edge(START, "call")
    return outer.compile(checkpointer=saver)


def items(saver: DynamoDBSaver, config: Any) -> list[str]:
    thread = Thread(saver, config["configurable"]["thread_id"])
    return [item["sk"]["S"] for kind in "HRVXG" for item in thread.items(kind)]


@pytest.mark.parametrize("guarded", one_in(2, [True, False]))
def test_a_thread_that_is_pruned_after_each_turn_does_not_grow(dynamodb: Any, user_id: str, guarded: bool) -> None:
    saver = DynamoDBSaver(TABLE, dynamodb, require_head_parent=guarded)
    graph = nested(saver, lambda state: {"messages": [noise(3_000)]})
    config: Any = {"configurable": {"thread_id": user_id}}
    counts = []
    for _ in range(12):
        graph.invoke({"messages": [noise(3_000)]}, config)
        saver.prune([user_id])
        counts.append(len([key for key in items(saver, config) if key[0] != "R"]))
        assert len(list(saver.list(config))) == 1
    assert max(counts) <= 1 + guarded
    assert len(graph.get_state(config).values["messages"]) == 24
    assert len(items(saver, config)) <= 40


@pytest.mark.parametrize("strategy", [None, True])
def test_a_subgraph_that_remembers_its_calls_keeps_its_head(
    saver: DynamoDBSaver, user_id: str, strategy: bool | None
) -> None:
    graph = nested(saver, lambda state: {"messages": [f"{len(state['messages'])}"]}, checkpointer=strategy)
    config: Any = {"configurable": {"thread_id": user_id}}
    for _ in range(3):
        graph.invoke({"messages": ["again"]}, config)
        saver.prune([user_id])
    found = {found.config["configurable"]["checkpoint_ns"] for found in saver.list(config)}
    assert found == ({"", "call"} if strategy else {""})


def test_an_interrupted_subgraph_goes_on_after_pruning(dynamodb: Any, saver: DynamoDBSaver, user_id: str) -> None:
    def ask(state: MessagesState) -> Any:
        return {"messages": [f"{interrupt('go on?')}, {len(state['messages'])}"]}

    config: Any = {"configurable": {"thread_id": user_id}}
    for number in range(3):
        nested(saver, ask).invoke({"messages": [str(number)]}, config)
        saver.prune([user_id])
        graph = nested(DynamoDBSaver(TABLE, dynamodb), ask)
        assert len(graph.get_state(config, subgraphs=True).tasks[0].state.values["messages"]) == 3 * number + 1 - number
        found = graph.invoke(Command(resume="yes"), config)
        assert found["messages"][-1].text == f"yes, {2 * number + 1}"


def put(thread: Thread, root: str | None, **values: Any) -> str:
    head = thread.put({"messages": [noise(900)], **values})
    head = thread.put({"messages": [noise(900)] * 3, **values}, head, parents={"": root})
    thread.saver.put_writes(thread.at(head), [("messages", noise(2_000))], "task")
    return head


@pytest.mark.thorough
@settings(max_examples=25)
@given(
    started=st.dictionaries(
        st.sampled_from(
            ["call:1", "call:2|inner:3", "call:4|kept", "remembers", "remembers|call:5", "é:6", "x" * 300 + ":7"]
        ),
        st.sampled_from(["older", "head", "unsaved", None]),
    )
)
def test_a_call_goes_with_the_root_checkpoint_that_it_started_from(
    dynamodb: Any, user_id: str, started: dict[str, str | None]
) -> None:
    thread = Thread(DynamoDBSaver(TABLE, dynamodb, require_head_parent=True), f"{user_id}-{uuid4()}")
    older = thread.put({"messages": [noise(900)]})
    head = thread.put({"messages": [noise(900)] * 2}, older)
    roots = {"older": older, "head": head, "unsaved": "999999", None: None}
    calls = {name: Thread(thread.saver, thread.thread_id, name) for name in started}
    heads = {name: put(call, roots[started[name]]) for name, call in calls.items()}
    thread.saver.prune([thread.thread_id])
    kept = {name for name in started if not (":" in name and started[name] == "older")}
    read = another(thread).saver
    found = {
        one.config["configurable"]["checkpoint_ns"]: one
        for one in read.list({"configurable": {"thread_id": thread.thread_id}})
    }
    assert set(found) == {"", *kept}
    for name in kept:
        assert found[name].checkpoint["id"] == heads[name]
        assert len(found[name].checkpoint["channel_values"]["messages"]) == 3
        assert len(found[name].pending_writes or []) == 1
    guards = {item["sk"]["S"] for item in thread.items("G!")}
    assert len(guards) == 1 + len(kept)


def test_writes_stored_before_their_checkpoint_are_kept(thread: Thread) -> None:
    head = thread.put({"messages": ["one"]})
    thread.put({"messages": ["one", "two"]}, head)
    thread.saver.put_writes(thread.at("000003"), [("messages", noise(5_000))], "task")
    thread.saver.prune([thread.thread_id])
    thread.put({"messages": ["one", "two", "three"]}, "000002")
    found = another(thread).saver.get_tuple(thread.at())
    assert found
    assert [len(value) for _, _, value in found.pending_writes or []] == [5_000]


class Counted(TypedDict):
    log: Annotated[list[Any], DeltaChannel(lambda old, new: [*old, *(one for own in new for one in own)])]


def test_calls_of_checkpoints_kept_for_a_delta_channels_sake_go_too(saver: DynamoDBSaver, user_id: str) -> None:
    inner = StateGraph(MessagesState)
    inner.add_node("inside", lambda _: {"messages": ["said"]})
    inner.add_edge(START, "inside")
    call = inner.compile()

    def node(_: Any, config: RunnableConfig) -> Any:
        call.invoke({"messages": []}, config)
        return {"log": ["logged"]}

    graph = StateGraph(Counted)
    graph.add_node("node", node)
    graph.add_edge(START, "node")
    made = graph.compile(checkpointer=saver)
    config: Any = {"configurable": {"thread_id": user_id}}
    for _ in range(5):
        made.invoke({"log": ["given"]}, config)
        saver.prune([user_id])
    assert {found.config["configurable"]["checkpoint_ns"] for found in saver.list(config)} == {""}
    assert len(made.get_state(config).values["log"]) == 10
