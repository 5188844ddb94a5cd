"""The cost of transcripts that have branched, and of turns that make an answer again."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from chatkeep import sessions
from chatkeep.agent import runtime
from chatkeep.deadline import Deadline
from chatkeep.messages import listing
from chatkeep.models.session import Session
from chatkeep.turns import engine
from chatkeep.turns.admission import Strategy
from chatkeep.turns.engine import Request
from tests.bench.meter import Meter, Usage
from tests.chat import deployment, new_session, sent, sent_again
from tests.client import Client
from tests.views import transcript

Answer = dict[str, Any]


@pytest.fixture(autouse=True)
def varied(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with deployment(monkeypatch, {"GRAPH": "tests.graphs:varied"}):
        yield


@pytest.fixture
def meter(dynamodb: Any) -> Meter:
    return Meter(Session._get_connection().connection.client, dynamodb)


def id_of(answer: Answer) -> str:
    return str(answer["message"]["message_id"])


def pages(meter: Meter, api: Client, session_id: str) -> list[Counter[str]]:
    """The requests of the first page in each order."""
    session = sessions.header(str(api.user_id), session_id)
    found = []
    for newest_first in (False, True):
        with meter.measure() as usage:
            shown, _ = listing.page(session, 50, None, newest_first)
        ids = [one.message_id for one in shown]
        assert ids[:: -1 if newest_first else 1] == [one["message_id"] for one in transcript(api, session_id)]
        found.append(usage.operations)
    return found


def test_a_page_takes_one_query_however_many_versions_its_answers_have(api: Client, meter: Meter) -> None:
    session_id = new_session(api)
    for number in range(3):
        answer = sent(api, session_id, f"question {number}")
        for _ in range(4):
            sent_again(api, session_id, id_of(answer))
    assert pages(meter, api, session_id) == [Counter(GetItem=1, Query=1)] * 2


def test_a_page_passes_a_long_row_of_hidden_messages_by_one_more_query(
    api: Client, meter: Meter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listing, "MOST_READ_THROUGH", 4)
    session_id = new_session(api)
    first, *_ = [sent(api, session_id, f"question {number}") for number in range(6)]
    sent_again(api, session_id, id_of(first))
    sent(api, session_id, "more")
    assert pages(meter, api, session_id) == [Counter(GetItem=1, Query=2)] * 2


def cost(meter: Meter, api: Client, session_id: str, content: str, regenerate: str | None = None) -> Usage:
    """The cost of a turn, without what comes before it in a function."""
    asked = Request(
        str(api.user_id), session_id, content, Strategy.REJECT, None, Deadline.within(60), regenerate=regenerate
    )
    with meter.measure() as usage:
        engine.send(asked, runtime.tools())
    return usage


def test_a_turn_costs_the_same_in_a_session_that_has_branched(api: Client, meter: Meter) -> None:
    plain, branched = new_session(api), new_session(api)
    for session_id in (plain, branched):
        answer = sent(api, session_id, "one")
    sent_again(api, branched, id_of(answer))
    one, other = (cost(meter, api, session_id, "three") for session_id in (plain, branched))
    assert (one.operations, one.wcu, one.rcu) == (other.operations, other.wcu, other.rcu)


def test_an_answer_is_made_again_by_one_transaction_and_reads_that_do_not_grow(api: Client, meter: Meter) -> None:
    session_id = new_session(api)
    sent(api, session_id, "zero")
    answer_id = id_of(sent(api, session_id, "one"))
    plain = cost(meter, api, session_id, "two")
    found = []
    for _ in range(3):
        found.append(cost(meter, api, session_id, "", answer_id).operations)
        for number in range(3):
            sent(api, session_id, f"more {number}")
    assert [one["TransactWriteItems"] for one in found] == [plain.operations["TransactWriteItems"]] * 3
    assert [one.total() - plain.requests for one in found] == [7, 9, 9], "also the branches, twice, where there are any"
