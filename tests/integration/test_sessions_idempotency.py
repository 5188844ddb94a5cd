"""Idempotency-Key on POST /sessions and .../usage: the first answer again, and nothing counted twice."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from chatkeep.idempotency import Claim
from chatkeep.models.idempotency import Answer
from chatkeep.models.session import Session
from chatkeep.usage import reporting
from chatkeep.usage.reporting import Report
from tests.client import IDLE, Client, Response
from tests.session_changes import create

KEY = {"Idempotency-Key": "a key"}
USED = {"message_count": 1, "tokens_used": 10, "cost": 0.25}


@pytest.fixture
def session_id(api: Client) -> str:
    return str(api.post("/sessions", json={}).json["session_id"])


def stats(api: Client) -> tuple[int, int, float]:
    found = api.get("/stats").json
    return found["total_sessions"], found["total_tokens"], found["total_cost"]


def is_reuse(response: Response) -> bool:
    return (response.status, response.json["code"]) == (422, "idempotency_key_reused")


def test_a_repeated_create_gets_the_first_answer(api: Client) -> None:
    body = {"title": "once", "metadata": {"a": "x" * 500}, "custom_system_prompt": "é" * 1_000}
    first = api.post("/sessions", json=body, headers=KEY)
    again = api.post("/sessions", json=body, headers={"idempotency-key": KEY["Idempotency-Key"]})
    assert (again.status, again.json) == (first.status, first.json) == (201, first.json)
    assert api.get("/sessions").json["sessions"] == [first.json]
    assert stats(api)[0] == 1


def test_the_first_answer_is_given_though_the_session_has_changed_since(api: Client) -> None:
    first = api.post("/sessions", json={}, headers=KEY).json
    path = f"/sessions/{first['session_id']}"
    api.patch(path, json={"title": "changed"})
    assert api.post("/sessions", json={}, headers=KEY).json == first
    api.delete(path)
    assert api.post("/sessions", json={}, headers=KEY).json == first
    assert api.get(path).json["status"] == "deleted"


@pytest.mark.parametrize("other", [{"title": "other"}, {"temperature": 0}, {"metadata": {}}])
def test_the_key_of_a_create_is_not_taken_for_another_body(api: Client, other: dict[str, Any]) -> None:
    api.post("/sessions", json={}, headers=KEY)
    assert is_reuse(api.post("/sessions", json=other, headers=KEY))
    assert stats(api)[0] == 1


def test_a_refused_request_does_not_use_its_key_up(api: Client) -> None:
    assert api.post("/sessions", json={"title": ""}, headers=KEY).status == 422
    assert api.post("/sessions", json={"title": "x"}, headers=KEY).status == 201


def test_a_key_is_its_users_and_its_routes_own(api: Client, session_id: str) -> None:
    other = api.post("/sessions", json={}, headers=KEY).json["session_id"]
    for path in (f"/sessions/{session_id}/usage", f"/sessions/{other}/usage"):
        assert api.post(path, json=USED, headers=KEY).status == 200
    assert api.as_user(f"not {api.user_id}").post("/sessions", json={"title": "other"}, headers=KEY).status == 201
    assert stats(api) == (2, 20, 0.5)


def test_a_key_may_be_used_anew_when_its_answer_has_expired_though_it_is_still_stored(
    api: Client, user_id: str
) -> None:
    api.post("/sessions", json={}, headers=KEY)
    (answer,) = Answer.query(f"USER#{user_id}", Answer.sk.startswith("IDEMPOTENCY#"))
    answer.update([Answer.expires_at.set(1)])
    second = api.post("/sessions", json={"title": "other"}, headers=KEY)
    assert (second.status, second.json["title"]) == (201, "other")
    assert api.get(f"/sessions/{second.json['session_id']}").json == second.json | IDLE
    assert stats(api)[0] == 2


def test_an_answer_is_kept_for_a_day_at_least(api: Client, user_id: str) -> None:
    api.post("/sessions", json={}, headers=KEY)
    (answer,) = Answer.query(f"USER#{user_id}", Answer.sk.startswith("IDEMPOTENCY#"))
    (session,) = Session.query(f"USER#{user_id}", Session.sk.startswith("SESSION#"))
    assert answer.expires_at - int(session.session_id.replace("-", "")[:12], 16) / 1000 > 24 * 3600


def test_a_repeated_report_gets_the_first_answer_and_counts_once(api: Client, session_id: str) -> None:
    first, again = (api.post(f"/sessions/{session_id}/usage", json=USED, headers=KEY) for _ in range(2))
    assert (again.status, again.json) == (first.status, first.json) == (200, first.json)
    assert stats(api) == (1, 10, 0.25)
    assert api.get("/stats/daily").json["days"][0]["turns"] == 1


def test_the_key_of_a_report_is_not_taken_for_another_body(api: Client, session_id: str) -> None:
    path = f"/sessions/{session_id}/usage"
    api.post(path, json=USED, headers=KEY)
    assert is_reuse(api.post(path, json={**USED, "tokens_used": 11}, headers=KEY))
    assert stats(api) == (1, 10, 0.25)


def test_a_report_is_answered_again_after_its_session_was_deleted(api: Client, session_id: str) -> None:
    path = f"/sessions/{session_id}/usage"
    first = api.post(path, json=USED, headers=KEY).json
    api.delete(f"/sessions/{session_id}")
    assert api.post(path, json=USED, headers=KEY).json == first
    assert is_reuse(api.post(path, json={"cost": 1}, headers=KEY))
    assert api.post(path, json=USED, headers={"Idempotency-Key": "new"}).json["code"] == "session_deleted"


def test_repetitions_at_the_same_moment_count_once(user_id: str, session_id: str) -> None:
    used = Report(tokens=10)
    claims = [Claim(f"report {number % 4}", "a fingerprint") for number in range(32)]
    with ThreadPoolExecutor(16) as pool:
        views = list(pool.map(lambda claim: reporting.record(user_id, session_id, used, claim), claims))
        created = list(pool.map(lambda claim: create(user_id, claim), claims))
    assert len({view.turn_id for view in views}) == 4
    assert len({view.session_id for view in created}) == 4
    session = Session(user_id, session_id)
    session.refresh(consistent_read=True)
    assert session.total_tokens == 40
    assert Session.count(session.pk, Session.sk.startswith("SESSION#")) == 5


@pytest.mark.thorough
def test_two_hundred_requests_sent_twice_count_as_two_hundred(api: Client, session_id: str) -> None:
    def send(number: int) -> Any:
        headers = {"Idempotency-Key": f"request {number}"}
        if number % 2:
            return api.post("/sessions", json={"title": f"{number}"}, headers=headers).json
        return api.post(f"/sessions/{session_id}/usage", json={**USED, "tokens_used": number}, headers=headers).json

    first, again = ([send(number) for number in range(200)] for _ in range(2))
    assert again == first
    assert stats(api) == (101, sum(range(0, 200, 2)), 25.0)
    assert api.get("/stats/daily").json["days"][0]["turns"] == 100
