"""GET /stats, /stats/daily and /sessions/{session_id}/stats: from counters, safe at zero."""

from datetime import date, timedelta
from typing import Any

import pytest

from chatkeep.clock import now
from chatkeep.models.day import Day
from tests.client import Client
from tests.wire import requests

NOTHING = {
    "message_count": 0,
    "total_tokens": 0,
    "total_cost": 0,
    "avg_response_time_ms": 0,
    "feedback_count": 0,
    "thumbs_up": 0,
    "thumbs_down": 0,
    "satisfaction_rate": 0,
}


@pytest.fixture
def session(api: Client) -> Any:
    return api.post("/sessions", json={"title": "A trip"}).json


def report(api: Client, session: Any, **used: float) -> None:
    assert api.post(f"/sessions/{session['session_id']}/usage", json=used).status == 200


def store_day(user_id: str, day: date, **counters: int) -> None:
    stored = Day(user_id, day)
    for name, value in counters.items():
        setattr(stored, name, value)
    stored.save()


def dates(api: Client, query: str = "") -> list[str]:
    return [one["date"] for one in api.get(f"/stats/daily?{query}").json["days"]]


def test_a_session_without_turns_has_zeros(api: Client, session: Any) -> None:
    shown = {name: session[name] for name in ("session_id", "title", "created_at", "updated_at")}
    assert api.get(f"/sessions/{session['session_id']}/stats").json == {**shown, **NOTHING}


def test_a_sessions_statistics_are_its_counters(api: Client, session: Any) -> None:
    report(api, session, message_count=2, tokens_used=100, cost=0.5)
    report(api, session, message_count=1, tokens_used=1, cost=0.000001)
    found = api.get(f"/sessions/{session['session_id']}/stats").json
    assert (found["message_count"], found["total_tokens"], found["total_cost"]) == (3, 101, 0.500001)
    assert found["avg_response_time_ms"] == 0


def test_a_deleted_session_keeps_its_statistics(api: Client, session: Any) -> None:
    report(api, session, tokens_used=100)
    api.delete(f"/sessions/{session['session_id']}")
    assert api.get(f"/sessions/{session['session_id']}/stats").json["total_tokens"] == 100


def test_a_user_without_sessions_has_zeros(api: Client, user_id: str) -> None:
    counts = dict.fromkeys(("total_sessions", "active_sessions", "archived_sessions", "deleted_sessions"), 0)
    sums = dict.fromkeys(("total_messages", "total_tokens", "total_cost"), 0)
    ratings = dict.fromkeys(("feedback_count", "thumbs_up", "thumbs_down", "satisfaction_rate"), 0)
    assert api.get("/stats").json == {"user_id": user_id, **counts, **sums, **ratings}
    assert api.get("/stats/daily").json == {"days": []}


def test_a_users_statistics_are_those_of_the_sessions_that_exist(api: Client) -> None:
    active, archived, deleted = (api.post("/sessions", json={}).json for _ in range(3))
    for session in (active, archived, deleted):
        report(api, session, message_count=1, tokens_used=10, cost=0.1)
    api.patch(f"/sessions/{archived['session_id']}", json={"is_archived": True})
    api.delete(f"/sessions/{deleted['session_id']}")
    found = api.get("/stats").json
    assert (found["total_sessions"], found["active_sessions"]) == (3, 1)
    assert (found["archived_sessions"], found["deleted_sessions"]) == (1, 1)
    assert (found["total_messages"], found["total_tokens"], found["total_cost"]) == (3, 30, 0.3)


def test_a_day_sums_what_was_used_on_it(api: Client, session: Any) -> None:
    report(api, session, message_count=2, tokens_used=100, cost=0.5)
    report(api, session, tokens_used=1)
    (day,) = api.get("/stats/daily").json["days"]
    assert day == {
        "date": day["date"],
        "turns": 2,
        "messages": 2,
        "input_tokens": 101,
        "output_tokens": 0,
        "cost": 0.5,
        "avg_response_time_ms": 0,
        "by_model": [{"model_name": None, "calls": 0, "input_tokens": 101, "output_tokens": 0, "cost": 0.5}],
    }
    assert abs(date.fromisoformat(day["date"]) - now().date()) <= timedelta(days=1)


def test_an_average_is_over_the_turns_that_were_timed(api: Client, user_id: str) -> None:
    store_day(user_id, date(2026, 1, 1), turns=5, timed_turns=3, response_ms=1_000)
    assert api.get("/stats/daily").json["days"][0]["avg_response_time_ms"] == 333.33


def test_days_come_oldest_first_within_their_bounds(api: Client, user_id: str) -> None:
    for day in (1, 2, 3, 4, 5):
        store_day(user_id, date(2026, 1, day), turns=1)
    assert dates(api) == [f"2026-01-0{day}" for day in (1, 2, 3, 4, 5)]
    assert dates(api, "from=2026-01-04") == ["2026-01-04", "2026-01-05"]
    assert dates(api, "to=2026-01-02") == ["2026-01-01", "2026-01-02"]
    assert dates(api, "from=2026-01-02&to=2026-01-04") == ["2026-01-02", "2026-01-03", "2026-01-04"]
    assert dates(api, "from=2026-01-03&to=2026-01-03") == ["2026-01-03"]
    assert dates(api, "from=2027-01-01") == []


def test_without_bounds_there_are_the_last_thirty_days_with_usage_and_with_them_a_year(
    api: Client, user_id: str
) -> None:
    first = date(2024, 1, 1)
    with Day.batch_write() as batch:
        for number in range(400):
            batch.save(Day(user_id, first + timedelta(days=2 * number)))
    every = [str(first + timedelta(days=2 * number)) for number in range(400)]
    assert dates(api) == every[-30:]
    assert dates(api, "from=2024-01-01") == every[-366:]
    assert dates(api, "from=2024-01-01&to=2024-12-31") == every[:183]


def test_what_was_spent_stays_in_its_day_after_a_delete(api: Client, session: Any) -> None:
    report(api, session, cost=0.5)
    before = api.get("/stats/daily").json
    api.delete(f"/sessions/{session['session_id']}")
    assert api.get("/stats/daily").json == before


def test_statistics_are_each_users_own(api: Client, session: Any) -> None:
    report(api, session, tokens_used=100)
    other = api.as_user("somebody-else-without-usage")
    assert (other.get("/stats").json["total_tokens"], other.get("/stats/daily").json["days"]) == (0, [])


@pytest.mark.parametrize(
    ("path", "cost"), [("/stats", ["GetItem"]), ("/stats/daily", ["Query"]), ("/sessions/{}/stats", ["GetItem"])]
)
def test_statistics_are_read_with_one_request(api: Client, session: Any, path: str, cost: list[str]) -> None:
    report(api, session, tokens_used=100)
    with requests() as sent:
        assert api.get(path.format(session["session_id"])).status == 200
    assert [name for name, _ in sent] == cost
