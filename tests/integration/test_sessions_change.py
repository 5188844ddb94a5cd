"""PATCH and DELETE /sessions/{session_id}: pins, archives, deletes, and concurrent changes."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import pytest

from chatkeep.models.totals import Totals
from chatkeep.sessions import changing
from tests.client import IDLE, Client
from tests.session_changes import delete

CHANGES = {
    "title": "Another",
    "model_name": "scripted:slow",
    "temperature": 0,
    "max_tokens": 1,
    "enable_summarization": False,
    "custom_system_prompt": "short",
    "metadata": {"a": [1]},
    "is_pinned": True,
    "is_archived": True,
}
READ_ONLY = [
    *("session_id", "user_id", "status", "is_active", "created_at", "updated_at", "deleted_at", "purge_at"),
    *("message_count", "total_tokens_used", "total_cost", "place", "pk", "unknown"),
]
STATES = {"status": "deleted", "is_active": False}


@pytest.fixture
def path(api: Client) -> str:
    session = api.post("/sessions", json={"custom_system_prompt": "before", "metadata": {"before": True}}).json
    return f"/sessions/{session['session_id']}"


def counts(user_id: str) -> tuple[float, float, float]:
    totals = Totals(user_id)
    totals.refresh(consistent_read=True)
    return totals.active_sessions, totals.archived_sessions, totals.deleted_sessions


@pytest.mark.parametrize(("field", "value"), CHANGES.items())
def test_one_field_changes_and_the_others_do_not(api: Client, path: str, field: str, value: Any) -> None:
    before = api.get(path).json
    response = api.patch(path, json={field: value})
    assert response.status == 200
    expected = before | {field: value, "updated_at": response.json["updated_at"]}
    if field == "is_archived":
        expected |= {"status": "archived", "is_active": False}
    assert response.json | IDLE == api.get(path).json == expected
    assert response.json["updated_at"] > before["updated_at"]


@pytest.mark.parametrize(("field", "value"), [("custom_system_prompt", ""), ("metadata", {}), ("temperature", 0)])
def test_an_explicit_nothing_replaces_what_was_there(api: Client, path: str, field: str, value: Any) -> None:
    api.patch(path, json={field: value})
    assert api.get(path).json[field] == value


def test_everything_changes_at_once(api: Client, path: str) -> None:
    response = api.patch(path, json=CHANGES)
    assert {name: response.json[name] for name in CHANGES} == CHANGES
    assert api.get(path).json == response.json | IDLE


@pytest.mark.parametrize("field", READ_ONLY)
def test_what_cannot_be_set_is_refused_by_name_and_nothing_is_set(api: Client, path: str, field: str) -> None:
    before = api.get(path).json
    response = api.patch(path, json={"title": "not this", field: 1})
    assert (response.status, [one["field"] for one in response.json["errors"]]) == (422, [field])
    assert api.get(path).json == before


def at_once(calls: list[Callable[[], Any]]) -> list[Any]:
    """The results of the calls, each made in a thread of its own.

    Each function's resolver serves one request at a time, as in Lambda, so the calls go below it.
    """
    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(lambda call: call(), calls))


def test_writers_of_different_fields_do_not_overwrite_each_other(api: Client, path: str, user_id: str) -> None:
    changes = [{field: value} for field, value in CHANGES.items() if field != "is_archived"]
    session_id = path.rpartition("/")[2]
    at_once([partial(changing.change, user_id, session_id, change) for change in changes])
    after = api.get(path).json
    assert [{name: after[name] for name in change} for change in changes] == changes


def test_a_session_that_is_pinned_and_archived_at_once_is_both_and_counted_once(
    api: Client, path: str, user_id: str
) -> None:
    changes = [{"is_pinned": True}, {"is_archived": True}] * 4
    session_id = path.rpartition("/")[2]
    at_once([partial(changing.change, user_id, session_id, change) for change in changes])
    (listed,) = api.get("/sessions?status=all").json["sessions"]
    assert (listed["is_pinned"], listed["status"]) == (True, "archived")
    assert counts(user_id) == (0, 1, 0)


def test_archived_is_not_deleted_and_can_be_undone(api: Client, path: str, user_id: str) -> None:
    archived = api.patch(path, json={"is_archived": True}).json
    assert (archived["status"], archived["is_active"], archived["purge_at"]) == ("archived", False, None)
    assert counts(user_id) == (0, 1, 0)
    active = api.patch(path, json={"is_archived": False}).json
    assert (active["status"], active["is_active"]) == ("active", True)
    assert counts(user_id) == (1, 0, 0)


def test_archiving_twice_counts_once(api: Client, path: str, user_id: str) -> None:
    for _ in range(2):
        assert api.patch(path, json={"is_archived": True}).status == 200
    assert counts(user_id) == (0, 1, 0)


def test_a_deleted_session_says_when_it_will_be_purged(api: Client, path: str, user_id: str) -> None:
    before = api.get(path).json
    response = api.delete(path)
    assert response.status == 200
    times = {name: response.json[name] for name in ("purge_at", "updated_at")}
    assert response.json | IDLE == before | STATES | times
    deleted, purged = (datetime.fromisoformat(response.json[name]) for name in ("updated_at", "purge_at"))
    assert purged - deleted == timedelta(days=30)
    assert counts(user_id) == (0, 0, 1)


def test_deleting_twice_changes_nothing_more(api: Client, path: str, user_id: str) -> None:
    first = api.delete(path)
    assert api.delete(path).json | IDLE == api.get(path).json == first.json | IDLE
    assert counts(user_id) == (0, 0, 1)


def test_concurrent_deletes_count_once(path: str, user_id: str) -> None:
    deleted = at_once([partial(delete, user_id, path.rpartition("/")[2])] * 8)
    assert len({session.purge_at for session in deleted}) == 1
    assert counts(user_id) == (0, 0, 1)


def test_an_archived_session_that_is_deleted_leaves_the_archive(api: Client, path: str, user_id: str) -> None:
    api.patch(path, json={"is_archived": True, "is_pinned": True})
    api.delete(path)
    assert counts(user_id) == (0, 0, 1)
    assert api.get("/sessions?status=active,archived").json["sessions"] == []
    (listed,) = api.get("/sessions?status=deleted").json["sessions"]
    assert (listed["is_archived"], listed["is_pinned"]) == (True, True)


def test_a_deleted_session_refuses_changes_usage_and_chat(api: Client, path: str, user_id: str) -> None:
    deleted = api.delete(path).json
    refusals = [
        api.patch(path, json={"title": "late"}),
        api.patch(path, json={"is_archived": True}),
        api.patch(path, json={"metadata": {"long": "x" * 500}}),
        api.post(f"{path}/usage", json={"tokens_used": 1}),
        api.post(f"{path}/messages", json={"content": "late"}),
    ]
    assert {(one.status, one.json["code"]) for one in refusals} == {(409, "session_deleted")}
    assert api.get(path).json == deleted | IDLE
    assert counts(user_id) == (0, 0, 1)


@pytest.mark.parametrize("method", ["patch", "delete"])
def test_a_foreign_session_cannot_be_changed(api: Client, path: str, method: str) -> None:
    before = api.get(path).json
    body = {"json": {"title": "mine now"}} if method == "patch" else {}
    response = getattr(api.as_user("somebody-else"), method)(path, **body)
    assert (response.status, response.json["code"]) == (404, "session_not_found")
    assert api.get(path).json == before
