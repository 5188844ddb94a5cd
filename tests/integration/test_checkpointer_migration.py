"""Threads of langgraph-checkpoint-aws, read with it, moved, and gone on with."""

from collections.abc import Iterator
from typing import Annotated, Any, TypedDict

import pytest
from langchain_core.messages import AIMessage
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.types import Command, interrupt
from langgraph_checkpoint_aws import DynamoDBSaver as SourceSaver

from chatkeep.checkpointer import DynamoDBSaver
from chatkeep.errors import BrokenThreadError
from infra.migrate import checkpoints
from tests.engines import Engine

TABLE, SOURCE = "chatkeep-CheckpointsTable", "langgraph-checkpoint-aws"


@pytest.fixture
def source(engine: Engine) -> Iterator[Any]:
    engine.client.create_table(
        TableName=SOURCE,
        KeySchema=[{"AttributeName": "PK", "KeyType": "HASH"}, {"AttributeName": "SK", "KeyType": "RANGE"}],
        AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in ("PK", "SK")],
        BillingMode="PAY_PER_REQUEST",
    )
    yield SourceSaver(SOURCE, endpoint_url=engine.endpoint)
    engine.client.delete_table(TableName=SOURCE)


class State(MessagesState):
    marks: Annotated[list[str], lambda old, new: old + new]


class Inner(TypedDict):
    marks: Annotated[list[str], lambda old, new: old + new]


def chat(saver: Any) -> Any:
    inner = StateGraph(Inner)
    inner.add_node("mark", lambda state: {"marks": [f"mark {len(state['marks'])}"]})
    inner.add_edge(START, "mark")
    builder = StateGraph(State)
    builder.add_node("inner", inner.compile(checkpointer=True))
    builder.add_node("model", lambda state: {"messages": [AIMessage(f"{len(state['messages'])}" + "." * 900)]})
    builder.add_node("ask", lambda state: {"messages": [AIMessage(interrupt("sure?"))]})
    builder.add_edge(START, "inner")
    builder.add_edge("inner", "model")
    builder.add_edge("model", "ask")
    return builder.compile(checkpointer=saver)


def talk(saver: Any, config: Any, turns: int) -> None:
    for turn in range(turns):
        chat(saver).invoke({"messages": [("user", f"turn {turn}")]}, config)
        chat(saver).invoke(Command(resume="yes"), config)


def past(saver: Any, config: Any) -> list[Any]:
    return [(s.values, s.next, s.metadata, s.config["configurable"]) for s in chat(saver).get_state_history(config)]


@pytest.mark.thorough
def test_a_migrated_thread_has_the_same_past_and_goes_on(source: Any, dynamodb: Any, user_id: str) -> None:
    config: Any = {"configurable": {"thread_id": user_id}}
    talk(source, config, 4)
    chat(source).invoke({"messages": [("user", "and now?")]}, config)
    target = DynamoDBSaver(TABLE, dynamodb)
    count = checkpoints.migrate_thread(source, target, user_id)
    assert count == len(list(target.list({"configurable": {"thread_id": user_id}})))
    assert past(target, config) == past(source, config)
    chat(target).invoke(Command(resume="yes"), config)
    talk(target, config, 2)
    assert len(chat(target).get_state(config).values["messages"]) == 21


def test_a_migration_may_be_repeated(source: Any, dynamodb: Any, user_id: str) -> None:
    config: Any = {"configurable": {"thread_id": user_id}}
    talk(source, config, 2)
    target = DynamoDBSaver(TABLE, dynamodb)
    first = checkpoints.migrate_thread(source, target, user_id)
    before = past(target, config)
    assert checkpoints.migrate_thread(source, DynamoDBSaver(TABLE, dynamodb), user_id) == first
    assert past(target, config) == before


def test_more_than_ten_writes_of_a_task_get_back_their_order(source: Any, dynamodb: Any, user_id: str) -> None:
    checkpoint: Any = {
        "v": 4,
        "id": "1",
        "ts": "now",
        "channel_values": {},
        "channel_versions": {},
        "versions_seen": {},
        "updated_channels": None,
    }
    config: Any = {"configurable": {"thread_id": user_id, "checkpoint_ns": ""}}
    stored = source.put(config, checkpoint, {"step": 1}, {})
    source.put_writes(stored, [("a", number) for number in range(23)], "task")
    source.put_writes(stored, [("__interrupt__", "why")], "task")
    target = DynamoDBSaver(TABLE, dynamodb)
    checkpoints.migrate_thread(source, target, user_id)
    found = target.get_tuple(config)
    assert found
    expected = [("task", "__interrupt__", "why"), *(("task", "a", number) for number in range(23))]
    assert found.pending_writes == expected


def test_a_thread_that_differs_in_the_target_is_an_error(source: Any, dynamodb: Any, user_id: str) -> None:
    config: Any = {"configurable": {"thread_id": user_id}}
    talk(source, config, 1)
    target = DynamoDBSaver(TABLE, dynamodb)
    first = min(source.list(config), key=lambda found: found.checkpoint["id"])
    target.put(config, {**first.checkpoint, "ts": "another time"}, first.metadata, {})
    with pytest.raises(BrokenThreadError, match="differently"):
        checkpoints.migrate_thread(source, target, user_id)


def test_the_script_moves_every_thread_of_a_table(
    source: Any, engine: Engine, user_id: str, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("a", "b"):
        talk(source, {"configurable": {"thread_id": f"{user_id}-{name}"}}, 1)
    endpoint = ["--endpoint-url", engine.endpoint] if engine.endpoint else []
    checkpoints.main([SOURCE, TABLE, *endpoint])
    assert sorted(line.split(":")[0] for line in capsys.readouterr().out.splitlines()) == [
        f"{user_id}-a",
        f"{user_id}-b",
    ]
    target: Any = {"configurable": {"thread_id": f"{user_id}-b"}}
    assert past(DynamoDBSaver(TABLE, engine.client), target) == past(source, target)
