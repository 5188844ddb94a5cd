"""The cost of a turn, counted at the client: the benchmark's limits, kept in every test run."""

from typing import Any

import boto3
import pytest

from chatkeep.checkpointer import DynamoDBSaver
from tests.bench.checkpoint_graphs import GRAPHS, QUESTION_BYTES, plain, text
from tests.bench.meter import Meter, Usage
from tests.cases import cases
from tests.checkpoint_threads import TABLE, Thread, noise
from tests.engines import Engine


@pytest.fixture
def metered(engine: Engine) -> tuple[DynamoDBSaver, Meter]:
    client = boto3.client("dynamodb", endpoint_url=engine.endpoint)
    return DynamoDBSaver(TABLE, client), Meter(client, engine.client)


def turns(metered: tuple[DynamoDBSaver, Meter], user_id: str, durability: Any, make: Any, count: int) -> list[Usage]:
    saver, meter = metered
    graph, config = make(saver), {"configurable": {"thread_id": user_id}}
    used = []
    for _ in range(count):
        with meter.measure() as usage:
            graph.invoke({"messages": [("user", text(QUESTION_BYTES))]}, config, durability=durability)
        used.append(usage)
    return used


USUAL = [("MessagesState", "async", 30, 8, 12), ("MessagesState", "exit", 30, 5, 5)]
THOROUGH = [
    ("subgraph", "exit", 30, 5, 5),
    ("DeltaChannel", "async", 60, 8, 12),  # a snapshot at the 50th
    ("DeltaChannel", "exit", 60, 6, 5),
    ("subgraph", "async", 30, 15, 14),
    ("agent, two tool calls", "async", 20, 17, 15),
]


@pytest.mark.parametrize(
    ("graph", "durability", "count", "requests", "wcu"), cases([*USUAL, *THOROUGH], thorough=THOROUGH)
)
def test_each_turn_costs_as_little_as_the_first(
    metered: tuple[DynamoDBSaver, Meter],
    user_id: str,
    graph: str,
    durability: Any,
    count: int,
    requests: int,
    wcu: int,
) -> None:
    used = turns(metered, user_id, durability, GRAPHS[graph], count)
    assert max(usage.requests for usage in used) <= requests
    assert max(usage.wcu for usage in used) <= wcu
    early, late = used[5:15], used[-10:]
    assert sum(usage.written for usage in late) <= 1.1 * sum(usage.written for usage in early)


@pytest.mark.thorough
@pytest.mark.parametrize("graph", ["DeltaChannel", "subgraph"])
def test_a_turn_costs_no_more_writing_where_each_has_a_process_of_its_own(
    metered: tuple[DynamoDBSaver, Meter], user_id: str, graph: str
) -> None:
    saver, meter = metered
    wcu = []
    for _ in range(55 if graph == "DeltaChannel" else 20):
        fresh = (DynamoDBSaver(TABLE, saver.client), meter)
        wcu.append(turns(fresh, user_id, "async", GRAPHS[graph], 1)[0].wcu)
    assert max(wcu) <= (12 if graph == "DeltaChannel" else 14)


def test_another_process_loads_a_thread_in_two_queries(metered: tuple[DynamoDBSaver, Meter], user_id: str) -> None:
    turns(metered, user_id, "exit", plain, 30)
    saver, meter = metered
    with meter.measure() as usage:
        found = DynamoDBSaver(TABLE, saver.client).get_tuple({"configurable": {"thread_id": user_id}})
    assert found
    assert usage.operations == {"Query": 2}
    assert usage.read <= 1.2 * len(saver.serde.dumps_typed(found.checkpoint["channel_values"])[1])


def test_a_value_that_does_not_change_is_not_written_again(metered: tuple[DynamoDBSaver, Meter], user_id: str) -> None:
    saver, meter = metered
    thread, head = Thread(saver, user_id), None
    for number in range(10):
        changing = {"fixed": noise(900)} if number == 0 else {}
        with meter.measure() as usage:
            head = thread.put({**changing, "step": number}, head, unchanged={"fixed": 1} if number else None)
    assert usage.written < 400
    assert len(thread.values()["fixed"]) == 900


@pytest.mark.thorough
def test_a_thread_of_a_hundred_turns_is_deleted_in_thirty_requests(
    metered: tuple[DynamoDBSaver, Meter], user_id: str
) -> None:
    saver, meter = metered
    graph, config = plain(saver), {"configurable": {"thread_id": user_id}}
    for _ in range(100):
        graph.invoke({"messages": [("user", text(QUESTION_BYTES))]}, config)
    with meter.measure() as usage:
        saver.delete_thread(user_id)
    assert usage.requests <= 30
    with meter.measure() as usage:
        saver.delete_thread(user_id)
    assert usage.requests == 1
