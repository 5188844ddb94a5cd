"""The newest elements of a thread without the others, and a staged saver's report of those it gives."""

from typing import Any

import pytest
from langchain_core.messages import AIMessage, HumanMessage
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.types import interrupt

from chatkeep.checkpointer import DynamoDBSaver, codec
from tests.bench.checkpoint_graphs import delta
from tests.checkpoint_threads import TABLE

MESSAGES = [HumanMessage("one", id="1"), AIMessage("two", id="2"), HumanMessage("three", id="3")]


@pytest.fixture
def config(user_id: str) -> Any:
    return {"configurable": {"thread_id": user_id, "checkpoint_ns": ""}}


@pytest.fixture
def saver(dynamodb: Any) -> DynamoDBSaver:
    return DynamoDBSaver(TABLE, dynamodb, cache_bytes=1_000_000)


def asking(saver: Any) -> Any:
    """A graph that asks the user something where the last message says so."""
    builder = StateGraph(MessagesState)
    builder.add_node("model", lambda state: interrupt("?") if state["messages"][-1].content == "three" else {})
    builder.add_edge(START, "model")
    return builder.compile(checkpointer=saver)


def test_the_newest_elements_come_one_by_one(
    saver: DynamoDBSaver, config: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    asking(saver).update_state(config, {"messages": MESSAGES}, as_node="model")
    staged, loaded = saver.staged(), list[Any]()
    staged.get_tuple(config)
    load = codec.Codec.load
    monkeypatch.setattr(codec.Codec, "load", lambda self, frame: loaded.append(frame) or load(self, frame))
    newest = staged.newest(config, "messages")
    assert newest is not None
    assert next(newest) == MESSAGES[-1]
    assert len(loaded) == 1
    assert list(newest) == MESSAGES[1::-1]


def test_what_was_looked_at_is_not_what_a_graph_gets(saver: DynamoDBSaver, config: Any) -> None:
    asking(saver).update_state(config, {"messages": MESSAGES}, as_node="model")
    staged = saver.staged()
    for one in staged.newest(config, "messages") or ():
        one.content = "changed"
    for found in (staged.get_tuple(config), staged.get_tuple(config), saver.staged().get_tuple(config)):
        assert found
        assert found.checkpoint["channel_values"]["messages"] == MESSAGES
        found.checkpoint["channel_values"]["messages"].pop().content = "changed"


def test_a_thread_that_is_not_there_has_no_elements(saver: DynamoDBSaver, config: Any) -> None:
    newest = saver.staged().newest(config, "messages")
    assert newest is not None
    assert list(newest) == []


def test_where_writes_are_pending_only_the_graph_can_tell(saver: DynamoDBSaver, config: Any) -> None:
    asking(saver).invoke({"messages": MESSAGES}, config)
    assert saver.staged().newest(config, "messages") is None


def test_of_a_delta_channel_only_the_graph_can_tell(saver: DynamoDBSaver, config: Any) -> None:
    delta(saver).invoke({"messages": MESSAGES}, config)
    assert saver.staged().newest(config, "messages") is None


def test_a_listener_is_told_what_a_graph_gets(saver: DynamoDBSaver, config: Any) -> None:
    staged, heard = saver.staged(), list[Any]()
    staged.hear = lambda namespace, found: heard.append((namespace, found))
    assert staged.get_tuple(config) is None
    asking(saver).update_state(config, {"messages": MESSAGES}, as_node="model")
    staged = saver.staged()
    staged.hear = lambda namespace, found: heard.append((namespace, found))
    given = staged.get_tuple(config)
    assert heard == [("", None), ("", given)]
    assert heard[1][1] is given
