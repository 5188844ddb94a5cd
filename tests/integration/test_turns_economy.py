"""The cost of turns, and the items they leave behind when nothing goes wrong."""

from collections import Counter
from typing import Any

import pytest
from langchain_core.language_models import FakeListChatModel

from chatkeep.agent import runtime
from chatkeep.agent.graph import build_graph
from chatkeep.deadline import Deadline
from chatkeep.models.session import Session
from chatkeep.turns.admission import Strategy
from chatkeep.turns.engine import Request, send
from chatkeep.turns.tools import Tools
from functions.worker.carrying_out import carry_out
from tests.bench import turns
from tests.bench.meter import Meter
from tests.chat import new_session
from tests.client import Client
from tests.engines import Engine
from tests.titling import keys, titled_soon
from tests.views import SESSIONS_TABLE, views

TITLE_WCU = 4
"""Of the job and its entry in the index of what is due, written in a transaction."""
TURNS = 50
"""Of each session."""


def test_a_turn_stays_within_its_budget_of_requests_and_capacity_as_the_thread_grows(engine: Engine) -> None:
    rows = turns.ours(engine, (2, 40))
    assert [row["turn"] for row in rows] == [2, 3, 4, 40, 41, 42]
    assert [row for row in rows if not turns.within_budget(row)] == []


def test_a_first_turn_that_asks_for_a_title_writes_the_job_and_no_other_turn_costs_more(engine: Engine) -> None:
    plain, untitled = turns.Ours(engine), turns.Ours(engine)
    untitled.session_id = new_session(Client(untitled.user_id))
    for more in (TITLE_WCU, 0, 0):
        usual, asking = turns.numbers(plain.measured()), turns.numbers(untitled.measured())
        assert asking == {**usual, "wcu": usual["wcu"] + more}


def test_a_title_costs_nine_requests(engine: Engine, api: Client) -> None:
    session_id = titled_soon(api)
    with Meter(Session._get_connection().connection.client, engine.client).measure() as usage:
        assert carry_out([keys(api, session_id)]) == []
    assert usage.operations == Counter(GetItem=7, UpdateItem=1, TransactWriteItems=1)
    assert (usage.wcu, usage.rcu) == (17, 7)


@pytest.mark.thorough
def test_turns_leave_no_lease_and_no_item_that_nothing_accounts_for(engine: Engine, user_id: str, api: Client) -> None:
    """A thousand turns, but on moto, which takes twice the time, a quarter of them."""
    users = [f"{user_id}-{number}" for number in range(5 if engine.endpoint is None else 20)]
    sessions = {user: new_session(api.as_user(user), title="a title") for user in users}
    model = FakeListChatModel(responses=["yes", "no"])
    tools = Tools(runtime.saver(), lambda *made_for: build_graph(model, "", made_for[2]), lambda _: 1, 1)
    for user, session_id in sessions.items():
        for number in range(TURNS):
            send(Request(user, session_id, f"question {number}", Strategy.REJECT, None, Deadline.within(60)), tools)
    for user, session_id in sessions.items():
        found = views(engine.client, user, session_id)
        found.check()
        found.check_nothing_is_pending()
        check_items(engine.client, user, session_id, found.transcript, set(found.turns))


def check_items(
    dynamodb: Any, user: str, session_id: str, transcript: list[dict[str, Any]], recorded: set[str]
) -> None:
    """Every item of the session's partitions is one that the views account for."""
    content = keys_of(dynamodb, f"SESSION#{user}#{session_id}")
    expected = {f"MESSAGE#{one['message_id']}" for one in transcript} | {f"TURN#{turn}" for turn in recorded}
    assert content == expected
    assert len(recorded) == TURNS
    mine = keys_of(dynamodb, f"USER#{user}")
    assert {key.partition("#")[0] for key in mine} == {"SESSION", "TOTALS", "DAY"}


def keys_of(dynamodb: Any, partition: str) -> set[str]:
    pages = dynamodb.get_paginator("query").paginate(
        TableName=SESSIONS_TABLE,
        KeyConditionExpression="pk = :pk",
        ExpressionAttributeValues={":pk": {"S": partition}},
        ProjectionExpression="sk",
    )
    return {item["sk"]["S"] for page in pages for item in page["Items"]}
