"""Turns with many parallel tasks, and those that nothing can store: their leftovers and their bills."""

from collections.abc import Iterator
from typing import Any

import pytest

from chatkeep import sessions
from chatkeep.agent.runtime import graph_for, saver
from chatkeep.clock import now
from chatkeep.deadline import Deadline
from chatkeep.errors import TurnTooLargeError
from chatkeep.models.session import Session
from chatkeep.turns import overflow
from chatkeep.turns.occasion import Occasion
from tests.cases import cases
from tests.chat import deployment, new_session, send, sent
from tests.client import Client
from tests.views import Views, views
from tests.wire import Refusal, cancelled, refused, refusing, requests


@pytest.fixture
def api(api: Client) -> Client:
    """A thousand tasks take a while where many tests run at once."""
    return api.with_deadline(600)


@pytest.fixture(params=["crowd", "listed_crowd"])
def crowd(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Iterator[str]:
    with deployment(monkeypatch, {"GRAPH": f"tests.graphs:{request.param}"}):
        yield str(request.param)


@pytest.fixture
def hall(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with deployment(monkeypatch, {"GRAPH": "tests.graphs:hall"}):
        yield


THOROUGH = [(20, 10), (200, 10), (1_000, 10), (200, 40_000)]


def log(user_id: str, session_id: str) -> list[str]:
    """The numbers that the tasks of all turns have written, in order, as another process reads them."""
    runtime = saver()
    elsewhere = type(runtime)(runtime.table_name, runtime.client)
    session = sessions.existing(user_id, session_id)
    graph = graph_for(session, Deadline.within(60), elsewhere, Occasion(now()))
    found = graph.get_state({"configurable": {"thread_id": session_id}}).values["log"]
    return [one.partition(" ")[0] for one in found]


@pytest.mark.parametrize(("tasks", "length"), cases([(97, 10), (97, 2_000), *THOROUGH], thorough=THOROUGH))
@pytest.mark.usefixtures("crowd")
def test_a_turn_of_many_tasks_is_stored_whole(
    api: Client, dynamodb: Any, user_id: str, tasks: int, length: int
) -> None:
    session_id = new_session(api)
    sent(api, session_id, "2 10")
    sent(api, session_id, f"{tasks} {length}")
    sent(api, session_id, "1 10")
    assert log(user_id, session_id) == [*"01", *map(str, range(tasks)), "0"]
    views(dynamodb, user_id, session_id).check()


@pytest.mark.parametrize("first", [True, False])
@pytest.mark.usefixtures("crowd")
def test_the_last_transaction_has_as_many_members_for_few_tasks_as_for_many(
    api: Client, user_id: str, first: bool
) -> None:
    members = []
    for tasks in (40, 97):
        session_id = new_session(api)
        if not first:
            sent(api, session_id, "1 10")
        with requests() as made:
            sent(api, session_id, f"{tasks} 80")
        members.append([len(given["TransactItems"]) for name, given in made if name == "TransactWriteItems"])
    assert members[0] == members[1]
    assert len(members[0]) == 1


def usage(found: Views) -> list[int]:
    return [turn["input_tokens"] + turn["output_tokens"] for turn in found.turns.values()]


@pytest.mark.usefixtures("hall")
def test_a_turn_that_nothing_can_store_is_an_error_by_name_and_billed_once(
    api: Client, dynamodb: Any, user_id: str
) -> None:
    session_id = new_session(api)
    refused = send(api, session_id, "too much", key="one")
    assert (refused.status, refused.json["code"]) == (422, "turn_too_large")
    assert "Retry-After" not in refused.headers
    found = views(dynamodb, user_id, session_id)
    found.check()
    found.check_nothing_is_pending()
    assert (found.transcript, usage(found)) == ([], [5])
    assert [turn["status"] for turn in found.turns.values()] == ["failed"]


@pytest.mark.usefixtures("hall")
def test_what_nothing_can_store_counts_among_what_the_models_cost(
    api: Client, capsys: pytest.CaptureFixture[str]
) -> None:
    session_id = new_session(api)
    capsys.readouterr()
    assert send(api, session_id, "too much").status == 422
    told = capsys.readouterr().out
    assert all(f'"{name}":[' in told for name in ("InputTokens", "OutputTokens", "CostMicroDollars"))
    assert "TurnsFailed" not in told


@pytest.mark.usefixtures("hall")
def test_each_try_of_what_nothing_can_store_is_billed_and_the_session_takes_the_next_turn(
    api: Client, dynamodb: Any, user_id: str
) -> None:
    session_id = new_session(api)
    for _ in range(2):
        assert send(api, session_id, "too much", key="one").status == 422
    assert sent(api, session_id, "quick")["message"]["content"] == "echo: quick"
    found = views(dynamodb, user_id, session_id)
    found.check()
    assert sorted(usage(found)) == [3, 5 + 5]  # one record of both tries


@pytest.mark.parametrize("refusal", [refused("ValidationException"), cancelled(None, "ValidationError")])
def test_what_only_the_storage_knows_to_be_too_large_is_named_and_billed_as_well(
    api: Client, dynamodb: Any, user_id: str, refusal: Refusal
) -> None:
    session_id = new_session(api)
    with refusing("TransactWriteItems", refusal):
        assert send(api, session_id, "two words").json["code"] == "turn_too_large"
    sent(api, session_id, "three more words")
    found = views(dynamodb, user_id, session_id)
    found.check()
    assert sorted(usage(found)) == [5, 7]


def member(size: int) -> dict[str, Any]:
    return {"Put": {"TableName": "none", "Item": {"pk": {"S": "k"}, "d": {"B": bytes(size)}}}}


@pytest.mark.parametrize(
    ("writes", "heads"),
    [
        ([], [member(10)] * (overflow.MOST_ITEMS - overflow.OWN_ITEMS + 1)),
        ([], [member(390_000)] * 11),
        ([member(overflow.MOST_ITEM_BYTES)], []),
        ([], [member(overflow.MOST_ITEM_BYTES)]),
    ],
    ids=["heads", "bytes of heads", "a write", "a head"],
)
@pytest.mark.usefixtures("engine")
def test_nothing_is_sent_of_what_a_transaction_or_an_item_cannot_hold(writes: Any, heads: Any) -> None:
    with requests() as made, pytest.raises(TurnTooLargeError):
        overflow.store(Session("user", "session"), [member(10)] * 200 + writes, heads)
    assert made == []


@pytest.mark.usefixtures("engine")
def test_heads_may_take_all_the_room_there_is() -> None:
    heads = [member(10)] * (overflow.MOST_ITEMS - overflow.OWN_ITEMS)
    assert overflow.store(Session("user", "session"), [], heads) == []
