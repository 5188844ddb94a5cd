"""What a turn costs, counted at the client: the benchmark's limits, kept in every test run."""

from typing import Any

import boto3
import pytest

from chatkeep.checkpointer import DynamoDBSaver
from tests.bench.checkpoint_graphs import QUESTION_BYTES, plain, text
from tests.bench.meter import Meter, Usage
from tests.checkpoint_threads import TABLE, Thread, noise
from tests.engines import Engine


@pytest.fixture
def metered(engine: Engine) -> tuple[DynamoDBSaver, Meter]:
    client = boto3.client("dynamodb", endpoint_url=engine.endpoint)
    return DynamoDBSaver(TABLE, client), Meter(client, engine.client)


def turns(metered: tuple[DynamoDBSaver, Meter], user_id: str, durability: Any) -> list[Usage]:
    saver, meter = metered
    graph, config = plain(saver), {"configurable": {"thread_id": user_id}}
    used = []
    for _ in range(30):
        with meter.measure() as usage:
            graph.invoke({"messages": [("user", text(QUESTION_BYTES))]}, config, durability=durability)
        used.append(usage)
    return used


@pytest.mark.parametrize(("durability", "requests", "wcu"), [("async", 8, 12), ("exit", 5, 5)])
def test_each_turn_costs_as_little_as_the_first(
    metered: tuple[DynamoDBSaver, Meter], user_id: str, durability: Any, requests: int, wcu: int
) -> None:
    used = turns(metered, user_id, durability)
    assert max(usage.requests for usage in used) <= requests
    assert max(usage.wcu for usage in used) <= wcu
    assert used[-1].written <= 1.1 * used[4].written


def test_another_process_loads_a_thread_in_two_queries(metered: tuple[DynamoDBSaver, Meter], user_id: str) -> None:
    turns(metered, user_id, "exit")
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
