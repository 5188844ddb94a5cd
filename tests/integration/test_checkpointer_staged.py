"""Staged mode: nothing is stored before the transaction, and then the same as without staging."""

import asyncio
import random
from typing import Annotated, Any, TypedDict, cast

import pytest
from botocore.exceptions import ClientError
from langchain_core.messages import AIMessage, HumanMessage, RemoveMessage
from langgraph.channels.delta import DeltaChannel
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.types import Command, interrupt

from chatkeep.checkpointer import DynamoDBSaver, StagedSaver, StagedWrites
from chatkeep.errors import ConcurrentWriteError
from tests.checkpoint_threads import TABLE, Thread


@pytest.fixture
def config(user_id: str) -> Any:
    return {"configurable": {"thread_id": user_id}}


def chat(saver: Any) -> Any:
    builder = StateGraph(MessagesState)
    builder.add_node("model", lambda state: {"messages": [AIMessage(f"{len(state['messages'])}" + "." * 800)]})
    builder.add_edge(START, "model")
    return builder.compile(checkpointer=saver)


def stored(saver: DynamoDBSaver, config: Any) -> list[dict[str, Any]]:
    found = saver.client.query(
        TableName=TABLE,
        KeyConditionExpression="pk = :thread",
        ExpressionAttributeValues={":thread": {"S": config["configurable"]["thread_id"]}},
    )
    return list(found["Items"])


def commit(saver: DynamoDBSaver, staged: StagedSaver, *, fresh: bool = False) -> StagedWrites:
    writes = staged.writes(fresh=fresh)
    saver.client.transact_write_items(TransactItems=[*writes.payload, *writes.heads])
    return writes


def turn(saver: DynamoDBSaver, config: Any, text: str, durability: Any = "exit") -> StagedSaver:
    staged = saver.staged()
    asyncio.run(chat(staged).ainvoke({"messages": [("user", text)]}, config, durability=durability))
    return staged


def test_nothing_is_stored_before_the_transaction(saver: DynamoDBSaver, config: Any) -> None:
    staged = turn(saver, config, "hello" * 100)
    assert stored(saver, config) == []
    commit(saver, staged)
    assert [message.content[:5] for message in chat(saver).get_state(config).values["messages"]] == ["hello", "1...."]


@pytest.mark.parametrize("durability", ["exit", "async", "sync"])
def test_a_one_node_turn_adds_a_header_and_a_row(saver: DynamoDBSaver, config: Any, durability: Any) -> None:
    for number in range(5):
        before = len(stored(saver, config))
        writes = commit(saver, turn(saver, config, f"question {number}" * 20, durability))
        assert len(stored(saver, config)) == before + 2
        assert writes.size < 1_500
    assert len(chat(saver).get_state(config).values["messages"]) == 10


def test_the_staged_turn_is_seen_through_its_own_saver(saver: DynamoDBSaver, config: Any) -> None:
    commit(saver, turn(saver, config, "one"))
    staged = turn(saver, config, "two")
    graph = chat(staged)
    assert len(graph.get_state(config).values["messages"]) == 4
    assert len(list(graph.get_state_history(config))) == 2
    assert len(chat(saver).get_state(config).values["messages"]) == 2


def test_reading_what_is_stored_costs_one_reading_however_often_it_is_asked(saver: DynamoDBSaver, config: Any) -> None:
    commit(saver, turn(saver, config, "one" * 400))
    requests: list[str] = []
    saver.client.meta.events.register("before-call.dynamodb", lambda model, **_: requests.append(model.name))
    staged = turn(saver, config, "two")
    for _ in range(3):
        chat(staged).get_state(config)
    assert requests == ["Query", "Query"]


def test_an_update_and_a_run_are_stored_as_one_checkpoint(saver: DynamoDBSaver, config: Any) -> None:
    commit(saver, turn(saver, config, "one"))
    parent = chat(saver).get_state(config).config["configurable"]["checkpoint_id"]
    staged = saver.staged()
    graph = chat(staged)
    last = graph.get_state(config).values["messages"][-1]
    graph.update_state(
        config, {"messages": [RemoveMessage(id=last.id), AIMessage("repaired", id="r")]}, as_node="model"
    )
    graph.invoke({"messages": [HumanMessage("two")]}, config, durability="exit")
    commit(saver, staged)
    state = chat(saver).get_state(config)
    assert [message.content[:8] for message in state.values["messages"]][:3] == ["one", "repaired", "two"]
    assert state.parent_config["configurable"]["checkpoint_id"] == parent


def test_a_value_that_is_changed_later_is_stored_as_it_was_staged(saver: DynamoDBSaver, config: Any) -> None:
    staged = saver.staged()
    messages = [HumanMessage("as it was", id="1")]
    chat(staged).update_state(config, {"messages": messages}, as_node="model")
    messages[0].content = "changed"
    commit(saver, staged)
    assert chat(saver).get_state(config).values["messages"][0].content == "as it was"


def test_two_turns_on_one_head_cannot_both_be_stored(saver: DynamoDBSaver, config: Any) -> None:
    commit(saver, turn(saver, config, "one" * 300))
    one, other = turn(saver, config, "two" * 300), turn(saver, config, "three" * 300)
    commit(saver, one)
    with pytest.raises(ClientError, match="ConditionalCheckFailed"):
        commit(saver, other)
    assert chat(saver).get_state(config).values["messages"][2].content[:3] == "two"
    commit(saver, other, fresh=True)
    assert chat(saver).get_state(config).values["messages"][2].content[:5] == "three"


def test_with_the_head_required_even_a_turn_without_rows_is_refused(dynamodb: Any, config: Any) -> None:
    strict = DynamoDBSaver(TABLE, dynamodb, require_head_parent=True)
    commit(strict, turn(strict, config, "one"))
    staged = [strict.staged(), strict.staged()]
    for each in staged:
        chat(each).update_state(config, {"messages": []}, as_node="model")
    commit(strict, staged[0])
    with pytest.raises(ClientError, match="ConditionalCheckFailed"):
        commit(strict, staged[1])


def test_a_thread_from_before_the_head_was_required_goes_on_at_the_second_try(
    saver: DynamoDBSaver, dynamodb: Any, config: Any
) -> None:
    commit(saver, turn(saver, config, "one"))
    strict = DynamoDBSaver(TABLE, dynamodb, require_head_parent=True)
    staged = turn(strict, config, "two")
    with pytest.raises(ClientError, match="ConditionalCheckFailed"):
        commit(strict, staged)
    commit(strict, staged, fresh=True)
    commit(saver, turn(saver, config, "three"))
    staged = turn(strict, config, "four")
    with pytest.raises(ClientError, match="ConditionalCheckFailed"):
        commit(strict, staged)
    commit(strict, staged, fresh=True)
    commit(strict, turn(strict, config, "five"))
    assert len(chat(saver).get_state(config).values["messages"]) == 10


def test_a_second_try_on_a_head_that_has_moved_is_refused(dynamodb: Any, config: Any) -> None:
    strict = DynamoDBSaver(TABLE, dynamodb, require_head_parent=True)
    commit(strict, turn(strict, config, "one"))
    late = turn(strict, config, "two")
    commit(strict, turn(strict, config, "three"))
    with pytest.raises(ConcurrentWriteError, match="is not the head"):
        late.writes(fresh=True)


def test_large_values_can_be_stored_before_and_are_harmless_alone(saver: DynamoDBSaver, config: Any) -> None:
    commit(saver, turn(saver, config, "one" * 300))
    lost, kept = turn(saver, config, noise(900_000)), turn(saver, config, "two" * 300)
    saver.client.transact_write_items(TransactItems=lost.writes().payload)
    commit(saver, kept)
    assert len(chat(saver).get_state(config).values["messages"]) == 4
    large = turn(saver, config, noise(900_000))
    writes = large.writes()
    assert writes.size > 600_000
    saver.client.transact_write_items(TransactItems=writes.payload)
    saver.client.transact_write_items(TransactItems=writes.heads)
    assert len(chat(saver).get_state(config).values["messages"][4].content) == 900_000


@pytest.mark.parametrize(("lists", "elements"), [(40, 3), (4, 90), (2, 300)])
def test_rows_of_many_or_long_lists_do_not_crowd_the_transaction(
    saver: DynamoDBSaver, user_id: str, lists: int, elements: int
) -> None:
    thread = Thread(saver, user_id)
    head = None
    for _ in range(2):
        staged = saver.staged()
        values = {f"list-{number}": [noise(900) for _ in range(elements)] for number in range(lists)}
        before = thread.values() if head else {}
        thread.saver = cast("Any", staged)
        head = thread.put({name: [*before.get(name, []), *own] for name, own in values.items()}, head)
        thread.saver = saver
        writes = staged.writes()
        assert len(writes.heads) <= 17
        assert sum(len(str(member)) for member in writes.heads) < 200_000
        store_all(saver, writes)
    assert [len(found) for found in thread.values().values()] == [2 * elements] * lists


def store_all(saver: DynamoDBSaver, writes: StagedWrites) -> None:
    for start in range(0, len(writes.payload), 50):
        saver.client.transact_write_items(TransactItems=writes.payload[start : start + 50])
    saver.client.transact_write_items(TransactItems=writes.heads)


def noise(length: int) -> str:
    return "".join(chr(random.randint(33, 126)) for _ in range(length))


def asking(saver: Any) -> Any:
    builder = StateGraph(MessagesState)
    builder.add_node("ask", lambda state: {"messages": [AIMessage(interrupt("sure?"))]})
    builder.add_edge(START, "ask")
    return builder.compile(checkpointer=saver)


@pytest.mark.parametrize("durability", ["exit", "async"])
def test_an_interrupt_survives_the_commit_and_is_resumed(saver: DynamoDBSaver, config: Any, durability: Any) -> None:
    staged = saver.staged()
    asking(staged).invoke({"messages": [("user", "go")]}, config, durability=durability)
    commit(saver, staged)
    assert [i.value for i in asking(saver).get_state(config).interrupts] == ["sure?"]
    staged = saver.staged()
    asking(staged).invoke(Command(resume="yes"), config, durability=durability)
    commit(saver, staged)
    assert [message.content for message in asking(saver).get_state(config).values["messages"]] == ["go", "yes"]


def test_an_interrupted_subgraph_shares_the_rows_of_the_conversation(saver: DynamoDBSaver, config: Any) -> None:
    def nested(saver: Any) -> Any:
        builder = StateGraph(MessagesState)
        builder.add_node("inner", asking(None))
        builder.add_edge(START, "inner")
        return builder.compile(checkpointer=saver)

    for _ in range(10):
        commit(saver, turn(saver, config, noise(900)))
    staged = saver.staged()
    nested(staged).invoke({"messages": [("user", "go")]}, config, durability="exit")
    assert commit(saver, staged).size < 4_000  # where the conversation takes twice as much
    staged = saver.staged()
    nested(staged).invoke(Command(resume="yes"), config, durability="exit")
    commit(saver, staged)
    messages = nested(saver).get_state(config).values["messages"]
    assert [message.content for message in messages[-2:]] == ["go", "yes"]
    assert len(messages) == 22


def extend(state: list[str], writes: list[list[str]]) -> list[str]:
    return [*state, *(element for write in writes for element in write)]


class Log(TypedDict):
    log: Annotated[list[str], DeltaChannel(extend, snapshot_frequency=5)]


def logging(saver: Any) -> Any:
    builder = StateGraph(Log)
    builder.add_node("answer", lambda state: {"log": [f"answer {len(state['log'])}"]})
    builder.add_edge(START, "answer")
    return builder.compile(checkpointer=saver)


@pytest.mark.parametrize("durability", ["exit", "async"])
def test_a_delta_channel_is_rebuilt_from_staged_turns(saver: DynamoDBSaver, config: Any, durability: Any) -> None:
    expected: list[str] = []
    for number in range(9):
        staged = saver.staged()
        logging(staged).invoke({"log": [f"turn {number}"]}, config, durability=durability)
        assert len(logging(staged).get_state(config).values["log"]) == 2 * number + 2
        commit(saver, staged)
        expected += [f"turn {number}", f"answer {2 * number + 1}"]
        assert logging(saver).get_state(config).values["log"] == expected
