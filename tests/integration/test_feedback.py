"""PUT and DELETE .../feedback: a state of an answer; the counters of session and user move by the difference."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from chatkeep.models.message import Rating
from functions.chat import feedback
from functions.chat.feedback import Feedback
from tests.client import Client

UP, DOWN = {"rating": "thumbs_up"}, {"rating": "thumbs_down"}


@pytest.fixture
def session_id(api: Client) -> str:
    return str(api.post("/sessions", json={}).json["session_id"])


@pytest.fixture
def turn(api: Client, session_id: str) -> Any:
    response = api.post(f"/sessions/{session_id}/messages", json={"content": "hello"})
    assert response.status == 200
    return response.json


def of(session_id: str, turn: Any, message: str = "message") -> str:
    return f"/sessions/{session_id}/messages/{turn[message]['message_id']}/feedback"


def counted(api: Client, session_id: str) -> tuple[int, int, float]:
    found = api.get(f"/sessions/{session_id}/stats").json
    assert found["feedback_count"] == found["thumbs_up"] + found["thumbs_down"]
    user = api.get("/stats").json
    for name in ("feedback_count", "thumbs_up", "thumbs_down", "satisfaction_rate"):
        assert user[name] == found[name], "no other session has a rating"
    return found["thumbs_up"], found["thumbs_down"], found["satisfaction_rate"]


def test_feedback_is_shown_on_its_answer(api: Client, session_id: str, turn: Any) -> None:
    response = api.put(of(session_id, turn), json={**UP, "comment": "Just what I wanted"})
    assert response.status == 200
    shown = response.json["feedback"]
    assert (shown["rating"], shown["comment"]) == ("thumbs_up", "Just what I wanted")
    said, answer = api.get(f"/sessions/{session_id}/messages").json["messages"]
    assert (said["feedback"], answer) == (None, {**turn["message"], "feedback": shown})
    assert counted(api, session_id) == (1, 0, 100)


@pytest.mark.parametrize(
    ("ratings", "expected"),
    [
        ([UP, UP], (1, 0, 100)),
        ([UP, DOWN], (0, 1, 0)),
        ([DOWN, UP, DOWN], (0, 1, 0)),
        ([UP, None], (0, 0, 0)),
        ([None], (0, 0, 0)),
        ([UP, None, None, DOWN], (0, 1, 0)),
    ],
)
def test_counters_move_by_the_difference(
    api: Client, session_id: str, turn: Any, ratings: list[Any], expected: tuple[int, int, float]
) -> None:
    for rating in ratings:
        response = api.put(of(session_id, turn), json=rating) if rating else api.delete(of(session_id, turn))
        assert response.status == 200
        assert (response.json["feedback"] or {}).get("rating") == (rating or {}).get("rating")
    assert counted(api, session_id) == expected


def test_a_new_rating_replaces_the_comment_too(api: Client, session_id: str, turn: Any) -> None:
    api.put(of(session_id, turn), json={**UP, "comment": "good"})
    assert api.put(of(session_id, turn), json={**UP, "comment": ""}).json["feedback"]["comment"] == ""
    assert api.put(of(session_id, turn), json=UP).json["feedback"]["comment"] is None


def test_a_rating_has_a_reason_until_it_is_replaced_or_cleared(api: Client, session_id: str, turn: Any) -> None:
    given = api.put(of(session_id, turn), json={"rating": "thumbs_down", "reason": "incorrect"}).json["feedback"]
    assert (given["rating"], given["comment"], given["reason"]) == ("thumbs_down", None, "incorrect")
    assert api.put(of(session_id, turn), json=UP).json["feedback"]["reason"] is None
    api.put(of(session_id, turn), json={**UP, "reason": "helpful"})
    api.delete(of(session_id, turn))
    assert api.put(of(session_id, turn), json=UP).json["feedback"]["reason"] is None


def test_the_satisfaction_rate_is_a_percentage(api: Client, session_id: str, turn: Any) -> None:
    answers = [turn] + [api.post(f"/sessions/{session_id}/messages", json={"content": "again"}).json for _ in range(2)]
    for answer, rating in zip(answers, (UP, UP, DOWN), strict=True):
        api.put(of(session_id, answer), json=rating)
    assert counted(api, session_id) == (2, 1, 66.67)


def test_feedback_does_not_move_the_session_in_the_list(api: Client, session_id: str, turn: Any) -> None:
    before = api.get(f"/sessions/{session_id}").json
    api.put(of(session_id, turn), json=UP)
    assert api.get(f"/sessions/{session_id}").json == before


def test_only_an_answer_can_be_rated(api: Client, session_id: str, turn: Any) -> None:
    response = api.put(of(session_id, turn, "user_message"), json=UP)
    assert (response.status, response.json["errors"][0]["field"]) == (422, "message_id")
    assert counted(api, session_id) == (0, 0, 0)


@pytest.mark.parametrize("message_id", ["0198c0de-5e55-7000-8000-00000000ffff", "x"])
@pytest.mark.parametrize("method", ["put", "delete"])
def test_an_unknown_message_is_not_found(api: Client, session_id: str, message_id: str, method: str) -> None:
    options = {"json": UP} if method == "put" else {}
    response = getattr(api, method)(f"/sessions/{session_id}/messages/{message_id}/feedback", **options)
    assert (response.status, response.json["code"]) == (404, "message_not_found")


def test_an_answer_is_not_found_in_another_session(api: Client, turn: Any) -> None:
    other = api.post("/sessions", json={}).json["session_id"]
    assert api.put(of(other, turn), json=UP).json["code"] == "message_not_found"


def test_a_deleted_session_takes_no_feedback(api: Client, session_id: str, turn: Any) -> None:
    api.delete(f"/sessions/{session_id}")
    response = api.put(of(session_id, turn), json=UP)
    assert (response.status, response.json["code"]) == (409, "session_deleted")
    assert counted(api, session_id) == (0, 0, 0)


def test_ratings_at_the_same_moment_leave_one_that_is_counted(
    api: Client, user_id: str, session_id: str, turn: Any
) -> None:
    message_id = turn["message"]["message_id"]
    ratings = [Feedback(Rating.THUMBS_UP), Feedback(Rating.THUMBS_DOWN), None] * 4
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda given: feedback.put(user_id, session_id, message_id, given), ratings))
    _, answer = api.get(f"/sessions/{session_id}/messages").json["messages"]
    rating = (answer["feedback"] or {}).get("rating")
    assert counted(api, session_id)[:2] == (int(rating == "thumbs_up"), int(rating == "thumbs_down"))


def test_a_users_satisfaction_is_over_the_sessions_that_exist(api: Client, session_id: str, turn: Any) -> None:
    other = str(api.post("/sessions", json={}).json["session_id"])
    answers = [api.post(f"/sessions/{other}/messages", json={"content": "again"}).json for _ in range(2)]
    api.put(of(session_id, turn), json=UP)
    for answer in answers:
        api.put(of(other, answer), json=DOWN)
    assert of_user(api) == (1, 2, 33.33)
    api.delete(f"/sessions/{other}")
    assert of_user(api) == (1, 2, 33.33)
    api.delete(f"/sessions/{other}", params={"permanent": "true"})
    assert of_user(api) == (1, 0, 100)


def of_user(api: Client) -> tuple[int, int, float]:
    found = api.get("/stats").json
    assert found["feedback_count"] == found["thumbs_up"] + found["thumbs_down"]
    return found["thumbs_up"], found["thumbs_down"], found["satisfaction_rate"]
