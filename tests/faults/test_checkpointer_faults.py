"""Each request of a saver fails in turn: a visible checkpoint has its payload, and nothing acknowledged is lost."""

import random
from collections.abc import Callable
from contextlib import suppress
from itertools import count
from typing import Annotated, Any, TypedDict

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from langchain_core.messages import AIMessage, AnyMessage
from langgraph.channels.delta import DeltaChannel
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.graph.message import _messages_delta_reducer
from langgraph.types import Command, interrupt

from chatkeep.checkpointer import DynamoDBSaver, items
from chatkeep.errors import ConcurrentWriteError
from tests.cases import cases
from tests.checkpoint_threads import TABLE
from tests.engines import Engine
from tests.faults.injector import Fault, ProcessDiedError, outage

Failure = (ClientError, BotoCoreError, ProcessDiedError, ConcurrentWriteError)


def texts(checkpoint: Any) -> list[str] | None:
    """The messages in the checkpoint itself, also in a DeltaChannel's snapshot; None if there are none."""
    messages = checkpoint["channel_values"].get("messages")
    if messages is None:
        return None
    return [message.content for message in getattr(messages, "value", messages)]


class Recording(DynamoDBSaver):
    """A saver that records every acknowledged put."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.put_checkpoints: dict[tuple[str, str], list[str] | None] = {}
        self.put_tasks: list[tuple[str, str, str]] = []

    def put(self, config: Any, checkpoint: Any, metadata: Any, new_versions: Any) -> Any:
        stored = super().put(config, checkpoint, metadata, new_versions)
        place = (config["configurable"].get("checkpoint_ns", ""), checkpoint["id"])
        self.put_checkpoints[place] = texts(checkpoint)
        return stored

    def put_writes(self, config: Any, writes: Any, task_id: str, task_path: str = "") -> None:
        super().put_writes(config, writes, task_id, task_path)
        names = config["configurable"]
        self.put_tasks.append((names.get("checkpoint_ns", ""), names["checkpoint_id"], task_id))


def chat(saver: Any) -> Any:
    builder = StateGraph(MessagesState)
    builder.add_node("ask", lambda state: {"messages": [AIMessage(interrupt("sure?"))]})
    builder.add_node("model", lambda state: {"messages": [AIMessage(f"{len(state['messages'])}" + "é~!" * 400)]})
    builder.add_conditional_edges(START, lambda state: "ask" if state["messages"][-1].content == "ask" else "model")
    builder.add_edge("ask", "model")
    return builder.compile(checkpointer=saver)


def nested(saver: Any) -> Any:
    """A graph whose subgraph gets and returns the whole conversation."""
    builder = StateGraph(MessagesState)
    builder.add_node("inner", chat(None))
    builder.add_edge(START, "inner")
    return builder.compile(checkpointer=saver)


class Log(TypedDict):
    messages: Annotated[list[AnyMessage], DeltaChannel(_messages_delta_reducer, snapshot_frequency=6)]


def logging(saver: Any) -> Any:
    builder = StateGraph(Log)
    builder.add_node("model", lambda state: {"messages": [AIMessage(f"{len(state['messages'])}" + "é~!" * 400)]})
    builder.add_edge(START, "model")
    return builder.compile(checkpointer=saver)


def short_turns(graph: Any, config: Any) -> None:
    for number in range(2):
        graph.invoke({"messages": [("user", f"turn {number}")]}, config, durability="sync")


def long_messages(graph: Any, config: Any) -> None:
    noise = random.Random(1).randbytes(30_000).hex()
    graph.invoke({"messages": [("user", noise), ("user", noise[::-1])]}, config, durability="sync")


def interrupted(graph: Any, config: Any) -> None:
    graph.invoke({"messages": [("user", "ask")]}, config, durability="sync")
    graph.invoke(Command(resume="yes"), config, durability="sync")


def at_exit(graph: Any, config: Any) -> None:
    for number in range(2):
        graph.invoke({"messages": [("user", f"turn {number}")]}, config, durability="exit")


def over_a_snapshot(graph: Any, config: Any) -> None:
    for number in range(5):
        graph.invoke({"messages": [("user", f"turn {number}")]}, config, durability="async" if number % 2 else "exit")


RUNS = {
    "short turns": (chat, short_turns),
    "long messages": (chat, long_messages),
    "interrupted": (chat, interrupted),
    "at exit": (chat, at_exit),
    "subgraph": (nested, short_turns),
    "interrupted subgraph": (nested, interrupted),
    "DeltaChannel": (logging, over_a_snapshot),
}
FAULTS = [Fault.THROTTLED, Fault.TIMED_OUT_AFTER, Fault.DIED_BEFORE, Fault.TWICE]
FEW_FAULTS = cases(FAULTS, thorough=set(FAULTS) - {Fault.TIMED_OUT_AFTER})
COMBINED = {
    f"{fault}-{name}-{'strict' if (at + number) % 2 else 'plain'}": (fault, *run, bool((at + number) % 2))
    for at, fault in enumerate(FAULTS)
    for number, (name, run) in enumerate(RUNS.items())
}
"""Each fault in each run, of a strict saver in every other one: each fault and each run meets both kinds."""


@pytest.fixture
def client(engine: Engine) -> Any:
    """A client without retries, so that each fault reaches the saver."""
    once = Config(retries={"total_max_attempts": 1})
    return boto3.client("dynamodb", endpoint_url=engine.endpoint, config=once)


def whole(saver: Recording, config: Any) -> None:
    """Check that visible checkpoints can be read, and that acknowledged ones are visible."""
    fresh = DynamoDBSaver(TABLE, saver.client)
    found = {(each.config["configurable"]["checkpoint_ns"], each.checkpoint["id"]): each for each in fresh.list(config)}
    for place, contents in saver.put_checkpoints.items():
        assert place in found
        if contents is not None:  # a DeltaChannel unchanged since its snapshot is read as that snapshot
            assert texts(found[place].checkpoint) == contents
    for namespace, checkpoint_id, task_id in saver.put_tasks:
        if (namespace, checkpoint_id) in found:  # LangGraph stores writes in parallel with their checkpoint
            assert task_id in [write[0] for write in found[namespace, checkpoint_id].pending_writes or []]


def contents(graph: Any, config: Any) -> list[str]:
    """The messages of the head, without pending writes: a new input drops their tasks."""
    head = graph.checkpointer.get_tuple(config)
    return [message.content for message in graph.get_state(head.config).values.get("messages", [])] if head else []


def goes_on(client: Any, config: Any, make: Callable[[Any], Any] = chat) -> None:
    """Check that a later run in another process answers and keeps the earlier messages."""
    graph = make(DynamoDBSaver(TABLE, client))
    before = contents(graph, config)
    resumed = Command(resume="yes") if graph.get_state(config).interrupts else {"messages": [("user", "go on")]}
    graph.invoke(resumed, config)
    after = contents(graph, config)
    assert after[: len(before)] == before
    assert len(after) > len(before)


@pytest.fixture(autouse=True)
def small_items(monkeypatch: pytest.MonkeyPatch) -> None:
    """Payloads of many parts that are quick to send."""
    monkeypatch.setattr(items, "PART_BYTES", 10_000)


@pytest.mark.parametrize(
    ("fault", "make", "run", "strict"),
    cases(COMBINED, thorough=COMBINED.keys() - {"timed out after success-short turns-strict"}),
)
def test_a_run_survives_a_fault_at_any_request(
    client: Any,
    user_id: str,
    fault: Fault,
    make: Callable[[Any], Any],
    run: Callable[[Any, Any], None],
    strict: bool,
) -> None:
    for at in count():
        config: Any = {"configurable": {"thread_id": f"{user_id}-{at}"}}
        saver = Recording(TABLE, client, require_head_parent=strict)
        with outage(fault, at) as met, suppress(*Failure):
            run(make(saver), config)
        whole(saver, config)
        goes_on(client, config, make)
        saver.delete_thread(f"{user_id}-{at}")
        if not met.hit:
            assert at > 5
            return


def thread_of_some_turns(client: Any, config: Any) -> list[Any]:
    graph = chat(DynamoDBSaver(TABLE, client))
    short_turns(graph, config)
    interrupted(graph, config)
    return seen(client, config)


def seen(client: Any, config: Any) -> list[Any]:
    found = DynamoDBSaver(TABLE, client).list(config)
    return [(each.checkpoint, each.metadata, each.pending_writes) for each in found]


@pytest.mark.parametrize("fault", FEW_FAULTS)
def test_pruning_is_repeated_after_a_fault_at_any_request(client: Any, user_id: str, fault: Fault) -> None:
    for at in count():
        config: Any = {"configurable": {"thread_id": f"{user_id}-{at}"}}
        before = thread_of_some_turns(client, config)
        with outage(fault, at) as met, suppress(*Failure):
            DynamoDBSaver(TABLE, client).prune([config["configurable"]["thread_id"]])
        assert all(each in before for each in seen(client, config))
        DynamoDBSaver(TABLE, client).prune([config["configurable"]["thread_id"]])
        assert seen(client, config) == before[:1]
        goes_on(client, config)
        if not met.hit:
            return


@pytest.mark.thorough
@pytest.mark.parametrize("fault", FAULTS)
def test_a_copy_is_repeated_after_a_fault_at_any_request(client: Any, user_id: str, fault: Fault) -> None:
    source: Any = {"configurable": {"thread_id": user_id}}
    before = thread_of_some_turns(client, source)
    for at in count():
        target: Any = {"configurable": {"thread_id": f"{user_id}-{at}"}}
        with outage(fault, at) as met, suppress(*Failure):
            DynamoDBSaver(TABLE, client).copy_thread(user_id, f"{user_id}-{at}")
        copied = seen(client, target)
        assert copied == before[len(before) - len(copied) :]
        DynamoDBSaver(TABLE, client).copy_thread(user_id, f"{user_id}-{at}")
        assert seen(client, target) == before
        if not met.hit:
            return


@pytest.mark.parametrize("fault", FEW_FAULTS)
def test_a_deletion_is_repeated_after_a_fault_at_any_request(client: Any, user_id: str, fault: Fault) -> None:
    for at in count():
        thread_id = f"{user_id}-{at}"
        thread_of_some_turns(client, {"configurable": {"thread_id": thread_id}})
        with outage(fault, at) as met, suppress(*Failure):
            DynamoDBSaver(TABLE, client).delete_thread(thread_id)
        DynamoDBSaver(TABLE, client).delete_thread(thread_id)
        found = client.query(
            TableName=TABLE,
            KeyConditionExpression="pk = :thread",
            ExpressionAttributeValues={":thread": {"S": thread_id}},
        )
        assert found["Items"] == []
        if not met.hit:
            return
