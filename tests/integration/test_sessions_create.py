"""POST /sessions and GET /sessions/{session_id}: what is given is kept, what is not comes from the preferences."""

from typing import Any

import pytest

from chatkeep import ids
from chatkeep.models.session import Session
from chatkeep.models.totals import Totals
from tests.client import IDLE, Client

DEFAULTS = {
    "title": "New Conversation",
    "model_name": "scripted:echo",
    "temperature": 0.7,
    "max_tokens": 4096,
    "enable_summarization": True,
    "custom_system_prompt": "",
    "metadata": {},
}
OWN = {
    "default_model": "bedrock:amazon.nova-lite-v1:0",
    "default_temperature": 1.5,
    "default_max_tokens": 100,
    "enable_auto_summarization": False,
    "custom_system_prompt": "Be brief.",
}
GIVEN = {
    "title": "Übung 🎉",
    "model_name": "scripted:slow",
    "temperature": 2,
    "max_tokens": 200_000,
    "enable_summarization": True,
    "custom_system_prompt": "Sei ausführlich.",
    "metadata": {"tags": ["a", 1, 1.5, None, True], "nested": {"": {}}},
    "is_pinned": True,
}


def test_a_session_of_a_new_user_starts_with_the_defaults(api: Client) -> None:
    response = api.post("/sessions", json={})
    assert response.status == 201
    assert {name: response.json[name] for name in DEFAULTS} == DEFAULTS
    counts = {"message_count": 0, "total_tokens_used": 0, "total_cost": 0, "last_message_at": None, "purge_at": None}
    assert {name: response.json[name] for name in counts} == counts


def test_a_new_session_is_active_and_was_changed_when_it_was_created(api: Client) -> None:
    session = api.post("/sessions", json={}).json
    assert (session["status"], session["is_active"], session["is_archived"]) == ("active", True, False)
    assert session["is_pinned"] is False
    assert session["created_at"] == session["updated_at"]
    assert ids.is_id(session["session_id"])


def test_what_is_given_is_kept(api: Client) -> None:
    session = api.post("/sessions", json=GIVEN).json
    assert {name: session[name] for name in GIVEN} == GIVEN
    assert api.get(f"/sessions/{session['session_id']}").json == session | IDLE


def test_what_is_not_given_comes_from_the_preferences(api: Client) -> None:
    api.put("/preferences", json=OWN)
    session = api.post("/sessions", json={}).json
    assert (session["model_name"], session["temperature"]) == (OWN["default_model"], OWN["default_temperature"])
    assert (session["max_tokens"], session["enable_summarization"]) == (OWN["default_max_tokens"], False)
    assert session["custom_system_prompt"] == OWN["custom_system_prompt"]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("temperature", 0),
        ("enable_summarization", False),
        ("custom_system_prompt", ""),
        ("metadata", {}),
        ("max_tokens", 1),
        ("is_pinned", False),
    ],
)
def test_an_explicit_nothing_is_a_value_and_not_unset(api: Client, field: str, value: Any) -> None:
    api.put("/preferences", json={**OWN, "enable_auto_summarization": True})
    session = api.post("/sessions", json={field: value}).json
    assert session[field] == value
    assert api.get(f"/sessions/{session['session_id']}").json[field] == value


def test_preferences_that_change_later_do_not_change_a_session(api: Client) -> None:
    session = api.post("/sessions", json={}).json
    api.put("/preferences", json=OWN)
    assert api.get(f"/sessions/{session['session_id']}").json == session | IDLE


def test_creating_counts_in_the_users_totals(api: Client, user_id: str) -> None:
    for _ in range(3):
        api.post("/sessions", json={})
    totals = Totals(user_id)
    totals.refresh(consistent_read=True)
    assert (totals.active_sessions, totals.archived_sessions, totals.deleted_sessions) == (3, 0, 0)


def test_a_session_whose_texts_are_short_is_one_item_under_a_kilobyte(api: Client, user_id: str, dynamodb: Any) -> None:
    session = api.post("/sessions", json={"title": "t" * 60, "custom_system_prompt": "p" * 100}).json
    stored = Session.get(f"USER#{user_id}", f"SESSION#{session['session_id']}")
    sizes = [len(name) + sum(len(str(value)) for value in typed.values()) for name, typed in stored.serialize().items()]
    assert sum(sizes) < 1024
    details = dynamodb.query(
        TableName="chatkeep-SessionsTable",
        KeyConditionExpression="pk = :pk",
        ExpressionAttributeValues={":pk": {"S": f"SESSION#{user_id}#{session['session_id']}"}},
    )
    assert details["Items"] == []


def test_a_foreign_session_answers_as_an_unknown_one(api: Client) -> None:
    session = api.post("/sessions", json={"title": "secret"}).json
    foreign = api.as_user("somebody-else").get(f"/sessions/{session['session_id']}")
    unknown = api.get(f"/sessions/{ids.new()}")
    assert (
        (foreign.status, foreign.json["code"]) == (unknown.status, unknown.json["code"]) == (404, "session_not_found")
    )
    assert sorted(foreign.json) == sorted(unknown.json)
    assert "secret" not in foreign.text


def test_reading_does_not_change_a_session(api: Client) -> None:
    session = api.post("/sessions", json={}).json
    path = f"/sessions/{session['session_id']}"
    for read in (path, f"{path}/messages", f"{path}/thread-config", f"{path}/stats", "/sessions", "/sessions?q=new"):
        assert api.get(read).status == 200
    assert api.get(path).json == session | IDLE


def test_the_thread_config_is_what_a_langgraph_client_needs(api: Client, user_id: str) -> None:
    session = api.post("/sessions", json={"temperature": 0, "max_tokens": 7}).json
    config = api.get(f"/sessions/{session['session_id']}/thread-config").json
    assert config == {
        "configurable": {
            "thread_id": session["session_id"],
            "user_id": user_id,
            "model_name": "scripted:echo",
            "temperature": 0,
            "max_tokens": 7,
        }
    }
