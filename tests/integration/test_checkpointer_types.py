"""The types of a graph's own: those that its schema declares come back as themselves, others as plain data."""

import asyncio
import json
import logging
import os
import subprocess
import sys
from dataclasses import dataclass
from enum import Enum
from typing import Any, TypedDict

import pytest
from langchain_core.messages import AnyMessage, HumanMessage
from langgraph.checkpoint.serde.encrypted import EncryptedSerializer
from langgraph.graph import START, StateGraph
from langgraph.types import Command, Send, interrupt
from pydantic import BaseModel

from chatkeep.checkpointer import DynamoDBSaver, strict_serializer
from tests.checkpoint_threads import TABLE, Thread


class Colour(Enum):
    RED = "red"


@dataclass
class Step:
    text: str


@dataclass
class Plan:
    steps: list[Step]


class Order(BaseModel):
    number: int
    colour: Colour


@dataclass
class Undeclared:
    text: str


class State(TypedDict, total=False):
    messages: list[AnyMessage]
    plan: Plan
    orders: list[Order]
    chosen: Colour | None
    loose: Any
    seen: list[str]


MADE: State = {
    "messages": [HumanMessage("hi", id="1")],
    "plan": Plan([Step("one"), Step("two" * 500)]),
    "orders": [Order(number=number, colour=Colour.RED) for number in range(40)],
    "chosen": Colour.RED,
}


def kinds(state: State) -> dict[str, Any]:
    """Ask after the attributes that only the graph's own types have."""
    interrupt("go on?")
    return {"seen": [state["plan"].steps[0].text, state["orders"][3].colour.name, str(state["chosen"])]}


def ask(_: Any, saver: Any) -> Any:
    graph = StateGraph(State)
    graph.add_node("make", lambda _: MADE)
    graph.add_node("kinds", kinds)
    graph.add_edge(START, "make")
    graph.add_edge("make", "kinds")
    return graph.compile(checkpointer=saver)


@pytest.fixture
def config(user_id: str) -> Any:
    return {"configurable": {"thread_id": user_id}}


def savers(dynamodb: Any) -> dict[str, Any]:
    class Plain:
        def encrypt(self, plaintext: bytes) -> tuple[str, bytes]:
            return "plain", plaintext[::-1]

        def decrypt(self, ciphername: str, ciphertext: bytes) -> bytes:
            return ciphertext[::-1]

    return {
        "default": lambda: DynamoDBSaver(TABLE, dynamodb),
        "encrypted": lambda: DynamoDBSaver(TABLE, dynamodb, serde=EncryptedSerializer(Plain(), strict_serializer())),
        "cached": lambda: DynamoDBSaver(TABLE, dynamodb, cache_bytes=1_000_000),
    }


@pytest.mark.parametrize("kind", ["default", "encrypted", "cached"])
def test_what_the_schema_declares_comes_back_after_an_interrupt(dynamodb: Any, config: Any, kind: str) -> None:
    make = savers(dynamodb)[kind]
    ask(None, make()).invoke({}, config)
    resumed = ask(None, make())
    assert resumed.invoke(Command(resume="yes"), config)["seen"] == ["one", "RED", "Colour.RED"]
    assert resumed.get_state(config).values == {**MADE, "seen": ["one", "RED", "Colour.RED"]}
    assert next(iter(resumed.get_state_history(config, limit=1))).values["plan"] == MADE["plan"]


def test_it_comes_back_through_a_turns_saver_too(saver: DynamoDBSaver, config: Any) -> None:
    for given in ({}, Command(resume="yes")):
        staged = saver.staged()
        graph = ask(None, staged)
        assert graph.checkpointer is staged  # a turn asks whether the graph reads from its saver
        found = asyncio.run(graph.ainvoke(given, config, durability="exit"))
        members = staged.writes()
        saver.client.transact_write_items(TransactItems=[*members.payload, *members.heads])
        staged.committed(members)
    assert found["seen"] == ["one", "RED", "Colour.RED"]
    assert staged.get_tuple(config).checkpoint["channel_values"]["plan"] == MADE["plan"]


def test_types_of_one_graph_are_not_those_of_another(saver: DynamoDBSaver, config: Any) -> None:
    ask(None, saver).invoke({}, config)
    alien = StateGraph(dict)
    alien.add_node("node", lambda _: {})
    alien.add_edge(START, "node")
    alien.compile(checkpointer=saver)
    values = saver.get_tuple(config).checkpoint["channel_values"]
    assert type(values["plan"]) is dict
    assert [type(order) for order in values["orders"]] == [dict] * 40


def test_an_undeclared_type_comes_back_as_plain_data_with_a_warning_that_names_it(
    saver: DynamoDBSaver, config: Any, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("langgraph.checkpoint.serde.jsonplus._warned_blocked_types", set())
    graph = StateGraph(State)
    graph.add_node("make", lambda _: {"loose": Undeclared("text")})
    graph.add_edge(START, "make")
    made = graph.compile(checkpointer=saver)
    made.invoke({}, config)
    with caplog.at_level(logging.WARNING):
        assert made.get_state(config).values["loose"] == {"text": "text"}
    assert f"{__name__}.Undeclared" in caplog.text


class Work(TypedDict):
    step: Step


def test_what_is_sent_to_a_node_and_what_a_subgraph_declares_come_back(saver: DynamoDBSaver, config: Any) -> None:
    inner = StateGraph(Work)
    inner.add_node("inside", lambda work: interrupt(work["step"].text) and {})
    inner.add_edge(START, "inside")
    outer = StateGraph(dict)
    outer.add_node("work", inner.compile(), input_schema=Work)
    outer.add_conditional_edges(START, lambda _: [Send("work", {"step": Step("sent")})], ["work"])
    graph = outer.compile(checkpointer=saver)
    graph.invoke({}, config)
    graph = outer.compile(checkpointer=DynamoDBSaver(TABLE, saver.client))
    assert graph.invoke(None, config)["__interrupt__"][0].value == "sent"
    graph.invoke(Command(resume="on"), config)


def test_a_serializer_of_ones_own_is_left_as_it_is(dynamodb: Any, config: Any, caplog: Any) -> None:
    class Json:
        def dumps_typed(self, value: Any) -> tuple[str, bytes]:
            return "json", json.dumps(value).encode()

        def loads_typed(self, data: tuple[str, bytes]) -> Any:
            return json.loads(data[1])

    graph = StateGraph(dict)
    graph.add_node("node", lambda _: {"done": True})
    graph.add_edge(START, "node")
    made = graph.compile(checkpointer=DynamoDBSaver(TABLE, dynamodb, serde=Json()))
    assert made.invoke({"given": 1}, config) == {"done": True}
    assert caplog.text == ""


def test_no_class_is_rebuilt_because_stored_data_names_it(thread: Thread) -> None:
    thread.put({"planted": Undeclared("text"), "declared": Plan([])})
    assert thread.values() == {"planted": {"text": "text"}, "declared": {"steps": []}}


LATE = """
from tests.integration import test_checkpointer_types as types
from langgraph._internal import _serde
assert _serde.STRICT_MSGPACK_ENABLED
print(len(_serde.build_serde_allowlist(schemas=[types.State])))
"""


def test_langgraph_has_what_it_is_asked_for_the_types_by() -> None:
    """Names that are private there; where a version has others, this says so."""
    variables = {**os.environ, "PYTHONPATH": os.pathsep.join(["layers/shared", "."])}
    found = subprocess.run([sys.executable, "-c", LATE], env=variables, capture_output=True, text=True, check=False)
    assert (found.stderr, int(found.stdout) > 4) == ("", True)
