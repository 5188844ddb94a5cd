"""GET /sessions/{session_id}/messages: the transcript, a page at a time, both ways."""

import json
from typing import Any

import pytest

from chatkeep import ids
from chatkeep.clock import now, stamp
from chatkeep.models.message import Message, Role
from chatkeep.models.session import Session
from tests.cases import one_in
from tests.client import Client

LAMBDA_BYTES = 6 * 1024 * 1024


@pytest.fixture
def session_id(api: Client) -> str:
    return str(api.post("/sessions", json={}).json["session_id"])


def say(user_id: str, session_id: str, *contents: str) -> None:
    """Store messages as turns do."""
    key = Session(user_id, session_id)
    session = Session.get(key.pk, key.sk)
    last = session.last_message_id
    for number, content in enumerate(contents):
        last = ids.after(last)
        role = (Role.USER, Role.ASSISTANT)[number % 2]
        Message(user_id, session_id, last, turn_id=last, role=role, content=content, created_at=stamp(now())).save()
    session.update([Session.last_message_id.set(last)])


def pages(api: Client, session_id: str, query: str) -> list[list[str]]:
    found, cursor = [], ""
    while cursor is not None:
        response = api.get(f"/sessions/{session_id}/messages?{query}" + (f"&cursor={cursor}" if cursor else ""))
        found.append([one["content"] for one in response.json["messages"]])
        cursor = response.json["next_cursor"]
    return found


def test_a_session_without_turns_has_an_empty_transcript(api: Client, session_id: str) -> None:
    assert api.get(f"/sessions/{session_id}/messages").json == {"messages": [], "next_cursor": None}


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", ["0123456"]),
        ("order=asc&limit=3", ["012", "345", "6"]),
        ("order=desc&limit=3", ["654", "321", "0"]),
        ("order=desc&limit=7", ["6543210"]),
        ("limit=6", ["012345", "6"]),
        ("limit=1", list("0123456")),
    ],
)
def test_messages_come_in_order_on_full_pages(
    api: Client, user_id: str, session_id: str, query: str, expected: list[str]
) -> None:
    say(user_id, session_id, *"0123456")
    assert pages(api, session_id, query) == [list(page) for page in expected]


def test_what_is_said_between_pages_comes_at_the_end_or_not_at_all(api: Client, user_id: str, session_id: str) -> None:
    say(user_id, session_id, *"012")
    path = f"/sessions/{session_id}/messages?limit=2"
    oldest, newest = api.get(path).json["next_cursor"], api.get(f"{path}&order=desc").json["next_cursor"]
    say(user_id, session_id, *"34")
    rest = [api.get(f"{path}{query}").json for query in (f"&cursor={oldest}", f"&order=desc&cursor={newest}")]
    assert [[one["content"] for one in page["messages"]] for page in rest] == [["2", "3"], ["0"]]


def test_a_cursor_is_good_for_its_transcript_and_order_alone(api: Client, user_id: str, session_id: str) -> None:
    say(user_id, session_id, *"012")
    cursor = api.get(f"/sessions/{session_id}/messages?limit=1").json["next_cursor"]
    other = api.post("/sessions", json={}).json["session_id"]
    refused = [
        api.get(f"/sessions/{session_id}/messages?order=desc&cursor={cursor}"),
        api.get(f"/sessions/{other}/messages?cursor={cursor}"),
        api.get(f"/sessions?cursor={cursor}"),
    ]
    assert [(one.status, one.json["errors"][0]["field"]) for one in refused] == [(422, "cursor")] * 3


def test_a_deleted_session_still_shows_its_transcript(api: Client, user_id: str, session_id: str) -> None:
    say(user_id, session_id, "hello")
    api.delete(f"/sessions/{session_id}")
    assert pages(api, session_id, "") == [["hello"]]


def test_a_foreign_transcript_answers_404(api: Client, user_id: str, session_id: str) -> None:
    say(user_id, session_id, "secret")
    response = api.as_user("somebody-else").get(f"/sessions/{session_id}/messages")
    assert (response.status, response.json["code"]) == (404, "session_not_found")


@pytest.mark.parametrize(
    "content", one_in(3, {"wide": "漢" * 100_000, "plain": "x" * 100_000, "escaped": '"\n' * 50_000})
)
def test_a_page_of_long_messages_is_no_longer_than_lambda_may_answer(
    api: Client, user_id: str, session_id: str, content: str
) -> None:
    say(user_id, session_id, *[content] * 70)
    seen: list[Any] = []
    cursor = ""
    while cursor is not None:
        response = api.get(f"/sessions/{session_id}/messages?limit=200" + (f"&cursor={cursor}" if cursor else ""))
        assert len(json.dumps(response.text, ensure_ascii=False).encode()) < LAMBDA_BYTES
        seen += response.json["messages"]
        cursor = response.json["next_cursor"]
    assert [one["content"] == content for one in seen] == [True] * 70


def test_a_foreign_session_is_not_found_whatever_the_cursor(api: Client) -> None:
    session_id = api.post("/sessions", json={}).json["session_id"]
    other = api.as_user("somebody else")
    assert other.get(f"/sessions/{session_id}/messages", params={"cursor": "no cursor"}).status == 404
    assert api.get(f"/sessions/{session_id}/messages", params={"cursor": "no cursor"}).status == 422
