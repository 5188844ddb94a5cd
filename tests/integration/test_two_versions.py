"""Two versions of the code at once, as while a deployment goes out: the older meets what the newer has stored."""

from typing import Any

import pytest

from tests.chat import new_session, sent
from tests.client import Client

TABLES = ("chatkeep-SessionsTable", "chatkeep-CheckpointsTable")
ADDED = {"of_tomorrow": {"M": {"kept": {"BOOL": True}}}}
Key = tuple[str, str, str]


class Stored:
    """All items of tables that only one user has used."""

    def __init__(self, dynamodb: Any) -> None:
        self.dynamodb = dynamodb

    def items(self, table: str) -> list[dict[str, Any]]:
        pages = self.dynamodb.get_paginator("scan").paginate(TableName=table)
        return [item for page in pages for item in page["Items"]]

    def add(self) -> None:
        """Give each item what a newer version would have stored with it."""
        for table in TABLES:
            for item in self.items(table):
                self.dynamodb.put_item(TableName=table, Item=item | ADDED)

    def kept(self) -> set[Key]:
        """The items that still have that."""
        having = [(table, item) for table in TABLES for item in self.items(table) if ADDED.items() <= item.items()]
        return {(table, item["pk"]["S"], item["sk"]["S"]) for table, item in having}


@pytest.fixture
def session_id(empty_tables: None, api: Client) -> str:
    api.put("/preferences", json={"default_temperature": 0.2})
    session_id = new_session(api, title="Holidays", metadata={"team": "Nordics"})
    answer = sent(api, session_id, "hello", key="first")
    api.put(f"/sessions/{session_id}/messages/{answer['message']['message_id']}/feedback", json={"rating": "thumbs_up"})
    return session_id


@pytest.fixture
def stored(dynamodb: Any, session_id: str) -> Stored:
    stored = Stored(dynamodb)
    stored.add()
    return stored


def test_what_a_newer_version_added_is_no_obstacle(api: Client, session_id: str, stored: Stored) -> None:
    assert [one["session_id"] for one in api.get("/sessions").json["sessions"]] == [session_id]
    messages = api.get(f"/sessions/{session_id}/messages").json["messages"]
    assert len(messages) == 2
    assert api.get(f"/sessions/{session_id}/stats").json["message_count"] == 2
    assert api.get("/stats").json["total_messages"] == 2
    assert sent(api, session_id, "hello", key="first")["user_message"] == messages[0]  # the recorded answer


def test_what_a_newer_version_added_outlives_the_older_ones_turns_and_changes(
    api: Client, session_id: str, stored: Stored
) -> None:
    before = stored.kept()
    assert {table for table, _, _ in before} == set(TABLES)
    answer = sent(api, session_id, "and again")["message"]
    feedback = f"/sessions/{session_id}/messages/{answer['message_id']}/feedback"
    done = [
        api.put(feedback, json={"rating": "thumbs_down"}),
        api.patch(f"/sessions/{session_id}", json={"title": "Winter", "is_pinned": True}),
        api.delete(f"/sessions/{session_id}"),
    ]
    assert [response.status for response in done] == [200, 200, 200]
    assert before - stored.kept() == set()


def test_preferences_are_replaced_whole_as_their_user_asks(api: Client, stored: Stored) -> None:
    before = stored.kept()
    api.put("/preferences", json={"default_temperature": 0.3})
    assert [sort for _, _, sort in before - stored.kept()] == ["PREFERENCES"]
