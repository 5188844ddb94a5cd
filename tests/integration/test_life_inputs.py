"""Any input for the fields of a session's life is kept, or refused by its name with nothing half done."""

import json
import math
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.chat import new_session
from tests.client import Client, Response

LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(), max_size=60)
VALUES = st.one_of(
    st.recursive(LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=2)),
    st.integers(0, 4_000),
    st.lists(st.text(st.characters(), max_size=52), max_size=22),
    st.text("aZ0_-.:/ ", max_size=102),
)
NULLABLE = {"expire_after_days"}
CREATED = ["session_id", "tags", "expire_after_days", "is_temporary"]
CHANGED = ["tags", "expire_after_days"]


def stored(dynamodb: Any, user_id: str) -> list[str]:
    """All of the user's items, in one order."""
    mine = {"FilterExpression": "contains(pk, :user)", "ExpressionAttributeValues": {":user": {"S": user_id}}}
    pages = dynamodb.get_paginator("scan").paginate(TableName="chatkeep-SessionsTable", ConsistentRead=True, **mine)
    return sorted(json.dumps(item, sort_keys=True, default=str) for page in pages for item in page["Items"])


@pytest.fixture
def path(api: Client) -> str:
    return f"/sessions/{new_session(api, tags=['t'], expire_after_days=9)}"


def check_refused(response: Response, field: str) -> None:
    assert (response.status, response.json["code"]) == (422, "invalid_field"), response.text
    assert {one["field"].split(".")[0] for one in response.json["errors"]} <= {field, "body"}


def kept(field: str, value: Any) -> Any:
    return list(dict.fromkeys(value)) if field == "tags" else value


def same(one: Any, other: Any) -> bool:
    """Whether both are the same JSON: neither 1.0 nor true is 1."""
    return json.dumps(one) == json.dumps(other)


@settings(max_examples=20)
@given(field=st.sampled_from(CREATED), value=VALUES)
@example(field="tags", value=["\ud800"])
@example(field="tags", value=[["a"]])
@example(field="session_id", value="a\x00b")
@example(field="expire_after_days", value=10**400)
@example(field="expire_after_days", value=math.nan)
@example(field="expire_after_days", value=True)
def test_a_value_of_a_new_session_is_kept_or_refused(
    api: Client, dynamodb: Any, user_id: str, field: str, value: Any
) -> None:
    before = stored(dynamodb, user_id)
    response = api.post("/sessions", body=json.dumps({"title": "a title", field: value}))
    if response.status in (200, 201):
        assert same(api.get(f"/sessions/{response.json['session_id']}").json[field], kept(field, value))
    else:
        check_refused(response, field)
        assert stored(dynamodb, user_id) == before


@settings(max_examples=20)
@given(field=st.sampled_from(CHANGED), value=VALUES)
@example(field="tags", value=["a", "\ud800"])
@example(field="expire_after_days", value=0)
@example(field="expire_after_days", value=-math.inf)
def test_a_value_that_changes_a_session_is_kept_or_refused(
    api: Client, path: str, dynamodb: Any, user_id: str, field: str, value: Any
) -> None:
    before = stored(dynamodb, user_id)
    response = api.patch(path, body=json.dumps({"title": "half written", field: value}))
    if response.status == 200:
        assert same(api.get(path).json[field], kept(field, value))
    else:
        check_refused(response, field)
        assert stored(dynamodb, user_id) == before


@settings(max_examples=15)
@given(field=st.sampled_from(["session_ids", "action", "tag"]), value=VALUES)
@example(field="session_ids", value=["\ud800"])
@example(field="session_ids", value=["a", ["b"]])
@example(field="tag", value="\udfff")
def test_a_value_of_a_bulk_action_is_taken_or_refused(
    api: Client, dynamodb: Any, user_id: str, field: str, value: Any
) -> None:
    body = {"session_ids": ["mine"], "action": "tag", "tag": "t", field: value}
    before = stored(dynamodb, user_id)
    response = api.post("/sessions/bulk", body=json.dumps(body))
    if response.status == 200:
        assert [one["session_id"] for one in response.json["results"]] == body["session_ids"]
    else:
        check_refused(response, field)
    assert stored(dynamodb, user_id) == before, "there is no session to change"


@settings(max_examples=15)
@given(value=VALUES)
@example(value=0)
@example(value=None)
def test_a_value_of_a_preference_is_kept_or_refused(api: Client, value: Any) -> None:
    before = api.put("/preferences", json={"default_expire_after_days": 7}).json
    body = json.dumps({"default_temperature": 0, "default_expire_after_days": value})
    response = api.put("/preferences", body=body)
    if response.status == 200:
        assert same(api.get("/preferences").json["default_expire_after_days"], value)
    else:
        check_refused(response, "default_expire_after_days")
        assert api.get("/preferences").json == before


@pytest.mark.parametrize("field", ["session_id", "is_temporary", "status", "purge_at", "deleted_at", "deletion_id"])
def test_what_cannot_be_changed_is_unknown_to_a_change(
    api: Client, path: str, dynamodb: Any, user_id: str, field: str
) -> None:
    before = stored(dynamodb, user_id)
    check_refused(api.patch(path, json={"title": "half written", field: "x"}), field)
    assert stored(dynamodb, user_id) == before
