"""The cost of a session's removal, and that nothing else costs more than it did before sessions could be removed."""

import math
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest

from chatkeep import ids, retrying, sessions
from chatkeep.models.session import Session, Status
from chatkeep.sessions import changing, creating, listing, soft_deletion
from chatkeep.sessions.listing import Wanted
from functions.sessions import deletions, preferences
from functions.sessions.schemas.sessions import NewSession
from tests.bench import turns
from tests.bench.meter import Meter
from tests.checkpoint_threads import TABLE as CHECKPOINTS
from tests.engines import Engine
from tests.lives import carry_out
from tests.populations import put
from tests.views import SESSIONS_TABLE
from tests.wire import requests

TURNS = 100
PAGE = 20
MOST_REQUESTS = 40
DELETE = Counter(GetItem=1, TransactWriteItems=1, Query=1)
"""The header, the tombstone with the receipt, and how many of the user's deletions are under way."""
ATTEMPT = Counter(UpdateItem=3, Query=3, GetItem=2, TransactWriteItems=1)
"""A claim and a count per partition; a page of keys per partition, and one of answers; the tombstone, the end, and
where the scan for orphans is."""
WCU, RCU = 722, 95
"""Of the same, with the reading of the receipt that follows."""
TIMER_WCU = 4
"""Of a timer and its entry in the index of what is due, written in a transaction."""


@pytest.fixture
def _no_pace(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retrying, "sleep", lambda _: None)


def partition(dynamodb: Any, table: str, pk: str) -> list[dict[str, Any]]:
    found = dynamodb.get_paginator("query").paginate(
        TableName=table, KeyConditionExpression="pk = :pk", ExpressionAttributeValues={":pk": {"S": pk}}
    )
    return [item for page in found for item in page["Items"]]


def again(item: dict[str, Any], number: int) -> dict[str, Any]:
    """An item of a turn's as another turn would have left it."""
    kind, _, rest = item["sk"]["S"].partition("!" if "!" in item["sk"]["S"] else "#")
    sort = f"R!{rest.partition('!')[0]}!{number * 2:08d}" if kind == "R" else f"{kind}#{ids.new()}"
    return item | {"sk": {"S": f"H!!{ids.new()}" if kind == "H" else sort}}


def grow(subject: turns.Ours, dynamodb: Any) -> None:
    """Let the session have a hundred turns: three real ones, and copies of what the last of them left."""
    contents = f"SESSION#{subject.user_id}#{subject.session_id}"
    before: list[dict[str, Any]] = []
    for _ in range(3):
        before = [*partition(dynamodb, SESSIONS_TABLE, contents), *partition(dynamodb, CHECKPOINTS, subject.session_id)]
        subject.turn()
    for table, pk in ((SESSIONS_TABLE, contents), (CHECKPOINTS, subject.session_id)):
        known = [item["sk"] for item in before]
        of_the_last = [item for item in partition(dynamodb, table, pk) if item["sk"] not in known]
        put(dynamodb, table, (again(item, number) for number in range(3, TURNS) for item in of_the_last))


def removed(subject: turns.Ours) -> tuple[Counter[str], dict[str, int]]:
    """The requests of the session's removal, from the route to the receipt, and the receipt's numbers."""
    with requests() as sent:
        receipt = deletions.of_session(subject.user_id, subject.session_id)
        job = (f"USER#{subject.user_id}", f"DELETION#{receipt.deletion_id}")
        carry_out([job])
    done = deletions.one(subject.user_id, receipt.deletion_id)
    assert done.status == "done"
    return Counter(name for name, _ in sent), done.removed.model_dump()


def check(operations: Counter[str], numbers: dict[str, int]) -> None:
    items = {"checkpoint_items": 2 * TURNS + 1, "messages": 2 * TURNS, "turns": TURNS}
    assert items.items() <= numbers.items()
    batches = math.ceil(items["checkpoint_items"] / 25) + math.ceil((items["messages"] + items["turns"]) / 25)
    assert operations == DELETE + ATTEMPT + Counter(BatchWriteItem=batches)
    assert operations.total() == 33 <= MOST_REQUESTS


@pytest.mark.usefixtures("_no_pace")
def test_a_session_of_a_hundred_turns_is_removed_in_33_requests(engine: Engine) -> None:
    subject = turns.Ours(engine)
    grow(subject, engine.client)
    with Meter(Session._get_connection().connection.client, engine.client).measure() as usage:
        check(*removed(subject))
    assert (usage.wcu, usage.rcu) == (WCU, RCU)


@pytest.mark.thorough
@pytest.mark.usefixtures("_no_pace")
def test_a_session_that_had_a_hundred_turns_is_removed_in_as_many_requests(engine: Engine) -> None:
    subject = turns.Ours(engine)
    for _ in range(TURNS):
        subject.turn()
    check(*removed(subject))


@pytest.fixture
def listed(engine: Engine) -> tuple[str, str]:
    """A user, with an id as long as Cognito's, and the first of the user's sessions, which fill a page."""
    user_id = str(uuid4())
    for number in range(PAGE + 5):
        create(user_id, title=f"title {number}")
    return user_id, next(Session.among(user_id)).session_id


def create(user_id: str, **body: Any) -> str:
    made, _ = creating.create(user_id, preferences.for_session(user_id, NewSession(**body))[0], None)
    return made.session_id


BEFORE: dict[str, tuple[Callable[[str, str], Any], Counter[str], float, float]] = {
    "create": (lambda user, _: create(user, title="new"), Counter(GetItem=1, TransactWriteItems=1), 6, 1),
    "get": (sessions.get, Counter(GetItem=1), 0, 1),
    "a page": (lambda user, _: listing.page(user, [Status.ACTIVE], Wanted(), PAGE, ""), Counter(Query=1), 0, 1.5),
    "search": (
        lambda user, _: listing.page(user, [Status.ACTIVE], Wanted("title 3"), PAGE, ""), Counter(Query=1), 0, 1.5
    ),
    "pin": (lambda *of: changing.change(*of, {"is_pinned": True}), Counter(GetItem=1, UpdateItem=1), 3, 1),
    "archive": (
        lambda *of: changing.change(*of, {"is_archived": True}), Counter(GetItem=2, TransactWriteItems=1), 8, 2
    ),
    "delete": (
        lambda *of: soft_deletion.delete(*of, timedelta(days=30)),
        Counter(GetItem=2, TransactWriteItems=1), 8 + TIMER_WCU, 2,
    ),
}  # fmt: skip
"""What was done, and its requests, WCU and RCU at commit 18b6bbe; only a deletion has got something more to write."""


def test_nothing_costs_more_than_before_sessions_could_be_removed(engine: Engine, listed: tuple[str, str]) -> None:
    meter = Meter(Session._get_connection().connection.client, engine.client)
    for name, (act, *cost) in BEFORE.items():
        with meter.measure() as usage:
            act(*listed)
        assert [usage.operations, usage.wcu, usage.rcu] == cost, name


def test_an_expiry_costs_its_timer_once_and_no_turn_anything(engine: Engine, user_id: str) -> None:
    never, at_times = turns.Ours(engine), turns.Ours(engine)
    with never.meter.measure() as without:
        never.session_id = create(never.user_id, title="a title")
    with at_times.meter.measure() as with_timer:
        at_times.session_id = create(at_times.user_id, title="a title", expire_after_days=30)
    assert (with_timer.operations, with_timer.wcu) == (without.operations, without.wcu + TIMER_WCU)
    for _ in range(2):
        plain, expiring = never.measured(), at_times.measured()
        assert turns.numbers(plain) == turns.numbers(expiring)
        assert turns.within_budget({**turns.numbers(plain), "process": "warm"})
