"""Tokens whose subject is unusual: it is a user like any other, or is told that it cannot be one."""

import pytest

from chatkeep.http.caller import LONGEST_USER_BYTES
from tests.client import Client

A_MODEL = "scripted:echo"


def longest(user_id: str, character: str) -> str:
    """A user's id of as many bytes as there may be."""
    left = LONGEST_USER_BYTES - len(user_id)
    size = len(character.encode())
    return user_id + "x" * (left % size) + character * (left // size)


@pytest.mark.parametrize("end", ["x" * LONGEST_USER_BYTES, "é" * LONGEST_USER_BYTES, "a#b", "\x00", " "])
def test_every_subject_that_is_taken_can_be_stored(api: Client, user_id: str, end: str) -> None:
    user = api.as_user(longest(user_id, end[0]) if len(end) > 3 else f"{user_id}{end}")
    session_id = user.post("/sessions", json={"model_name": A_MODEL}, headers={"Idempotency-Key": "k"}).json[
        "session_id"
    ]
    answer = user.post(f"/sessions/{session_id}/messages", json={"content": "hello"}).json
    message = f"/sessions/{session_id}/messages/{answer['message']['message_id']}"
    assert user.put(f"{message}/feedback", json={"rating": "thumbs_up"}).status == 200
    assert user.put("/preferences", json={"default_max_tokens": 9}).status == 200
    assert user.get("/stats").json["total_messages"] == 2
    assert [one["session_id"] for one in user.get("/sessions").json["sessions"]] == [session_id]


@pytest.mark.parametrize("subject", ["x" * (LONGEST_USER_BYTES + 1), "x" * 2041, "é" * 1020, "a\ud800", "\udfff", ""])
@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/sessions", {}),
        ("GET", "/sessions", None),
        ("GET", "/sessions/0198c0de-5e55-7000-8000-000000000001", None),
        ("POST", "/sessions/0198c0de-5e55-7000-8000-000000000001/messages", {"content": "hello"}),
        ("GET", "/stats", None),
    ],
)
def test_a_subject_that_cannot_be_stored_is_told_so(
    api: Client, subject: str, method: str, path: str, body: object
) -> None:
    response = api.as_user(subject).request(method, path, json=body)
    assert (response.status, response.json["code"]) == (401, "unauthorized")
    assert response.headers["content-type"] == "application/problem+json"
