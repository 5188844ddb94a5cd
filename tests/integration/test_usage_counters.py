"""POST /sessions/{session_id}/usage: session, user and day agree with the records, however many report at once."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from chatkeep.clock import now
from chatkeep.errors import SessionNotFoundError
from chatkeep.models.day import Day
from chatkeep.models.session import Session
from chatkeep.models.totals import Totals
from chatkeep.models.turn import Turn
from chatkeep.sessions import changing
from chatkeep.usage import reporting
from chatkeep.usage.reporting import Report
from tests.client import Client
from tests.session_changes import place


@pytest.fixture
def session_id(api: Client) -> str:
    return str(api.post("/sessions", json={}).json["session_id"])


def records(user_id: str, session_id: str) -> list[Turn]:
    return list(Turn.among(user_id, session_id))


def counted(user_id: str, session_id: str) -> tuple[Any, Any, Any, Any]:
    """Messages, tokens and micro-dollars by the records, the session, the user and the day, which must be one."""
    found = records(user_id, session_id)
    session, totals, day = Session(user_id, session_id), Totals(user_id), Day(user_id, now().date())
    for item in (session, totals, day):
        item.refresh(consistent_read=True)
    return (
        (sum(one.messages for one in found), sum(one.input_tokens for one in found), sum(one.cost for one in found)),
        (session.message_count, session.total_tokens, session.total_cost),
        (totals.total_messages, totals.total_tokens, totals.total_cost),
        (day.messages, day.input_tokens + day.output_tokens, day.cost),
    )


@pytest.mark.thorough
def test_thirty_two_reporters_at_once_lose_nothing(user_id: str, session_id: str) -> None:
    used = Report(messages=1, tokens=7, dollars=0.000003)

    def report(_: int) -> None:
        for _ in range(50):
            reporting.record(user_id, session_id, used, None)

    with ThreadPoolExecutor(32) as pool:
        list(pool.map(report, range(32)))
    expected = (1_600, 11_200, 4_800)
    assert counted(user_id, session_id) == (expected,) * 4
    assert len(records(user_id, session_id)) == 1_600


def test_usage_is_recorded_with_its_micro_dollars(api: Client, user_id: str, session_id: str) -> None:
    body = {"message_count": 2, "tokens_used": 120, "cost": 0.0015}
    response = api.post(f"/sessions/{session_id}/usage", json=body)
    assert response.status == 200
    assert {name: response.json[name] for name in body} == body
    (record,) = records(user_id, session_id)
    assert (record.turn_id, record.status, record.cost) == (response.json["turn_id"], "reported", 1_500)
    assert counted(user_id, session_id) == ((2, 120, 1_500),) * 4


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"message_count": 0}, (0, 0, 0)),
        ({"tokens_used": 5}, (0, 5, 0)),
        ({"cost": 0.1}, (0, 0, 100_000)),
        ({"cost": 2}, (0, 0, 2_000_000)),
        ({"cost": 4e-7}, (0, 0, 0)),
        ({"message_count": 10**6, "tokens_used": 10**12, "cost": 10**6}, (10**6, 10**12, 10**12)),
    ],
)
def test_one_field_is_enough_and_zero_is_a_value(
    api: Client, user_id: str, session_id: str, body: dict[str, Any], expected: tuple[int, int, int]
) -> None:
    assert api.post(f"/sessions/{session_id}/usage", json=body).status == 200
    assert counted(user_id, session_id) == (expected,) * 4


def test_small_amounts_add_up_exactly(api: Client, session_id: str) -> None:
    for _ in range(10):
        api.post(f"/sessions/{session_id}/usage", json={"cost": 0.1})
    assert api.get(f"/sessions/{session_id}").json["total_cost"] == api.get("/stats").json["total_cost"] == 1.0


def test_an_archived_session_takes_usage(api: Client, session_id: str) -> None:
    api.patch(f"/sessions/{session_id}", json={"is_archived": True})
    assert api.post(f"/sessions/{session_id}/usage", json={"tokens_used": 1}).status == 200
    assert api.get(f"/sessions/{session_id}").json["status"] == "archived"


def test_usage_does_not_come_back_for_a_session_that_is_gone(user_id: str, session_id: str) -> None:
    session = Session(user_id, session_id)
    session.delete()
    with pytest.raises(SessionNotFoundError):
        reporting.record(user_id, session_id, Report(tokens=1), None)
    assert Session.count(session.pk, Session.sk == session.sk) == 0
    assert records(user_id, session_id) == []


def test_reports_and_changes_at_once_are_all_kept(user_id: str, session_id: str) -> None:
    changes = [{"is_pinned": True}, {"title": "changed"}, {"is_archived": True}, {"is_pinned": False}]
    with ThreadPoolExecutor(8) as pool:
        reports = [pool.submit(reporting.record, user_id, session_id, Report(tokens=1), None) for _ in range(24)]
        changed = [pool.submit(changing.change, user_id, session_id, change) for change in changes]
        for one in [*reports, *changed]:
            one.result()
    session = Session(user_id, session_id)
    session.refresh(consistent_read=True)
    assert (session.total_tokens, session.title, session.is_archived) == (24, "changed", True)
    assert session.place == place(session)
