"""DELETE /sessions/{session_id}?permanent=true, restore, and GET /deletions: the receipts, as requests meet them."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from chatkeep import ids
from chatkeep.clock import milliseconds, now
from chatkeep.models.timer import Timer, TimerKind
from chatkeep.turns import queue
from chatkeep.turns.lease import Sender
from tests.cases import one_in
from tests.chat import new_session, sent
from tests.client import IDLE, Client
from tests.jobs import carry_out_jobs

NOTHING = {"checkpoint_items": 0, "messages": 0, "turns": 0, "events": 0, "attachments": 0, "sessions": 0}
KEY = {"Idempotency-Key": "a-key"}


def delete(api: Client, session_id: str) -> dict[str, Any]:
    response = api.delete(f"/sessions/{session_id}?permanent=true")
    assert response.status == 202, response.text
    receipt: dict[str, Any] = response.json
    return receipt


def receipts(api: Client, query: str = "") -> list[str]:
    return [one["deletion_id"] for one in api.get(f"/deletions?{query}").json["deletions"]]


STATES: dict[str, tuple[dict[str, Any], Callable[[Client, str], Any]]] = {
    "active": ({}, lambda api, path: None),
    "archived": ({}, lambda api, path: api.patch(path, json={"is_archived": True})),
    "pinned": ({"is_pinned": True}, lambda api, path: None),
    "deleted": ({}, lambda api, path: api.delete(path)),
    "archived, then deleted": ({}, lambda api, path: (api.patch(path, json={"is_archived": True}), api.delete(path))),
    "temporary": ({"is_temporary": True}, lambda api, path: None),
    "about to expire": ({"expire_after_days": 1}, lambda api, path: None),
    "restored": ({}, lambda api, path: (api.delete(path), api.post(f"{path}/restore"))),
}


@pytest.mark.parametrize("state", one_in(3, list(STATES)))
def test_a_session_in_any_state_is_deleted_for_good_with_one_receipt(api: Client, user_id: str, state: str) -> None:
    fields, make = STATES[state]
    session_id = new_session(api, **fields)
    sent(api, session_id, "hello")
    make(api, f"/sessions/{session_id}")
    asked = delete(api, session_id)
    assert (asked["kind"], asked["session_id"], asked["status"]) == ("session", session_id, "pending")
    assert (asked["removed"], asked["finished_at"]) == (NOTHING, None)
    carry_out_jobs()
    done = delete(api, session_id)
    assert done == api.get(f"/deletions/{asked['deletion_id']}").json
    assert {**done["removed"], "checkpoint_items": 0} == {**NOTHING, "messages": 2, "turns": 1, "sessions": 1}
    assert (done["status"], done["deletion_id"]) == ("done", asked["deletion_id"])
    assert done["finished_at"] > done["requested_at"]
    assert Timer.find(user_id, session_id) is None


def test_the_receipt_is_the_same_while_it_runs(api: Client) -> None:
    session_id = new_session(api)
    asked = delete(api, session_id)
    assert [delete(api, session_id) for _ in range(2)] == [asked] * 2
    assert receipts(api) == [asked["deletion_id"]]


@pytest.mark.parametrize("ended", one_in(2, [False, True]))
def test_every_route_answers_404_from_then_on(api: Client, ended: bool) -> None:
    session_id = new_session(api, tags=["t"])
    answer = sent(api, session_id, "hello")["message"]["message_id"]
    delete(api, session_id)
    if ended:
        carry_out_jobs()
    path = f"/sessions/{session_id}"
    answers = [
        api.get(f"{path}{rest}") for rest in ("", "/messages", f"/messages/{answer}", "/stats", "/thread-config")
    ]
    answers += [api.post(f"{path}{rest}") for rest in ("/restore", "/cancel")]
    answers += [api.post(f"{path}/messages", json={"content": "x"}), api.post(f"{path}/usage", json={"cost": 1})]
    answers += [api.patch(path, json={"expire_after_days": 1}), api.patch(path, json={"tags": []}), api.delete(path)]
    answers += [api.put(f"{path}/messages/{answer}/feedback", json={"rating": "thumbs_up"})]
    assert {(one.status, one.json["code"]) for one in answers} == {(404, "session_not_found")}
    assert api.get("/sessions?status=all").json["sessions"] == []
    assert api.get("/stats").json["total_sessions"] == 0


@pytest.mark.parametrize("text", ["false", "true"])
def test_permanent_says_which_delete_it_is(api: Client, text: str) -> None:
    response = api.delete(f"/sessions/{new_session(api)}?permanent={text}")
    assert (response.status, "deletion_id" in response.json) == ((202, True) if text == "true" else (200, False))


def test_a_session_that_never_was_and_a_foreign_one_have_no_receipt(api: Client, user_id: str) -> None:
    other = api.as_user(f"{user_id}-2")
    session_id = new_session(other)
    for unknown in (session_id, ids.new(), "never", "a" * 2_000):
        response = api.delete(f"/sessions/{unknown}?permanent=true")
        assert (response.status, response.json["code"]) == (404, "session_not_found")
    delete(other, session_id)
    assert api.delete(f"/sessions/{session_id}?permanent=true").status == 404
    assert receipts(api) == []


def test_a_foreign_receipt_and_what_is_none_are_not_found(api: Client, user_id: str) -> None:
    other = api.as_user(f"{user_id}-2")
    foreign = delete(other, new_session(other))["deletion_id"]
    for deletion_id in (
        foreign,
        ids.new(),
        "x",
        "a" * 2_000,
        "%00",
        "%20",
        "%ED%A0%80",
        f"{foreign}%00",
        foreign.upper(),
    ):
        response = api.get(f"/deletions/{deletion_id}")
        assert (response.status, response.json["code"]) == (404, "deletion_not_found"), deletion_id
    assert other.get(f"/deletions/{foreign}").status == 200


def test_receipts_are_listed_in_pages_newest_first(api: Client) -> None:
    made = [delete(api, new_session(api))["deletion_id"] for _ in range(5)][::-1]
    assert receipts(api) == made
    pages, cursor = [], ""
    while True:
        page = api.get(f"/deletions?limit=2{cursor}").json
        pages.append([one["deletion_id"] for one in page["deletions"]])
        if page["next_cursor"] is None:
            break
        cursor = f"&cursor={page['next_cursor']}"
    assert pages == [made[:2], made[2:4], made[4:]]


def test_a_page_that_ends_the_list_has_no_cursor(api: Client) -> None:
    assert api.get("/deletions").json == {"deletions": [], "next_cursor": None}
    delete(api, new_session(api))
    assert api.get("/deletions?limit=1").json["next_cursor"] is None


@pytest.mark.parametrize(
    "query", ["limit=0", "limit=101", "limit=a", "limit=", "cursor=", "cursor=x", "cursor=a&cursor=b"]
)
def test_a_wrong_parameter_of_the_receipts_is_refused_by_its_name(api: Client, query: str) -> None:
    refused = api.get(f"/deletions?{query}")
    assert (refused.status, [one["field"] for one in refused.json["errors"]]) == (422, [query.partition("=")[0]])


def test_the_cursor_of_another_list_or_user_is_refused(api: Client, user_id: str) -> None:
    for _ in range(2):
        delete(api, new_session(api))
        new_session(api)
    ours, sessions = (api.get(f"{path}?limit=1").json["next_cursor"] for path in ("/deletions", "/sessions"))
    other = api.as_user(f"{user_id}-2")
    refused = [api.get(f"/deletions?cursor={sessions}"), api.get(f"/sessions?cursor={ours}")]
    refused += [other.get(f"/deletions?cursor={ours}")]
    assert [one.json["errors"][0]["field"] for one in refused] == ["cursor"] * 3


@pytest.mark.parametrize("state", one_in(3, ["restored", "active", "archived"]))
def test_what_is_not_deleted_cannot_be_restored(api: Client, state: str) -> None:
    path = f"/sessions/{new_session(api)}"
    STATES[state][1](api, path)
    before = api.get(path).json
    refused = api.post(f"{path}/restore")
    assert (refused.status, refused.json["code"]) == (409, "session_not_deleted")
    assert api.get(path).json == before


@pytest.mark.parametrize("fields", one_in(3, [{"is_archived": True}, {"is_pinned": True}, {}]))
def test_a_restored_session_is_what_it_was(api: Client, fields: dict[str, Any]) -> None:
    session_id = new_session(api, title="Oslo", tags=["t"], metadata={"long": "x" * 1_000}, expire_after_days=5)
    path = f"/sessions/{session_id}"
    answer = sent(api, session_id, "hello")
    before = api.patch(path, json={"title": "Bergen", **fields}).json
    api.delete(path)
    restored = api.post(f"{path}/restore")
    assert (restored.status, restored.json) == (200, {**before, "updated_at": restored.json["updated_at"]})
    assert restored.json["updated_at"] > before["updated_at"]
    assert api.get(path).json == restored.json | IDLE
    listed = api.get("/sessions?q=bergen&tag=t&status=active,archived").json["sessions"]
    assert listed == [restored.json]
    assert api.get(f"{path}/messages").json["messages"][-1]["message_id"] == answer["message"]["message_id"]


def test_a_restored_session_counts_again_and_takes_turns(api: Client) -> None:
    session_id = new_session(api)
    api.delete(f"/sessions/{session_id}")
    api.post(f"/sessions/{session_id}/restore")
    stats = api.get("/stats").json
    assert (stats["active_sessions"], stats["deleted_sessions"], stats["total_sessions"]) == (1, 0, 1)
    assert sent(api, session_id, "hello")["status"] == "completed"


def test_a_restored_session_is_not_purged(api: Client, user_id: str, pass_time: Callable[[timedelta], None]) -> None:
    never, expiring = new_session(api), new_session(api, expire_after_days=60)
    for session_id in (never, expiring):
        api.delete(f"/sessions/{session_id}")
        api.post(f"/sessions/{session_id}/restore")
    timer = Timer.find(user_id, expiring)
    assert (Timer.find(user_id, never), timer and timer.kind) == (None, TimerKind.EXPIRY)
    pass_time(timedelta(days=31))
    carry_out_jobs()
    assert [api.get(f"/sessions/{one}").json["status"] for one in (never, expiring)] == ["active"] * 2


@pytest.mark.parametrize("days", [None, 1], ids=["for no end", "for an end of its own"])
def test_a_deleted_session_is_removed_at_its_purge_at_and_its_user_told(
    api: Client, pass_time: Callable[[timedelta], None], days: int | None
) -> None:
    session_id = new_session(api, expire_after_days=days)
    api.delete(f"/sessions/{session_id}")
    pass_time(timedelta(days=30) - timedelta(minutes=1))
    carry_out_jobs()
    assert api.get(f"/sessions/{session_id}").json["status"] == "deleted"
    pass_time(timedelta(minutes=2))
    carry_out_jobs()
    assert api.get(f"/sessions/{session_id}").status == 404
    (receipt,) = api.get("/deletions").json["deletions"]
    assert (receipt["kind"], receipt["session_id"], receipt["status"]) == ("session", session_id, "done")


def test_a_session_is_deleted_again_for_as_long_as_the_first_time(api: Client, user_id: str) -> None:
    path = f"/sessions/{new_session(api)}"
    first = api.delete(path).json["purge_at"]
    assert api.delete(path).json["purge_at"] == first
    api.post(f"{path}/restore")
    assert api.get(path).json["purge_at"] is None
    assert api.delete(path).json["purge_at"] > first


def test_a_restore_under_a_key_is_answered_once(api: Client) -> None:
    path = f"/sessions/{new_session(api)}"
    api.delete(path)
    first = api.post(f"{path}/restore", headers=KEY)
    api.patch(path, json={"title": "renamed"})
    again = api.post(f"{path}/restore", headers=KEY)
    assert (again.status, again.json) == (first.status, first.json) == (200, first.json)
    api.delete(path)
    assert api.post(f"{path}/restore", headers=KEY).json == first.json
    assert api.get(path).json["status"] == "deleted"


def test_a_restore_that_was_refused_leaves_its_key_free(api: Client) -> None:
    path = f"/sessions/{new_session(api)}"
    assert api.post(f"{path}/restore", headers=KEY).status == 409
    api.delete(path)
    assert api.post(f"{path}/restore", headers=KEY).json["status"] == "active"


POSTS = {"restore": None, "messages": {"content": "hello"}, "usage": {"tokens_used": 1}}


@pytest.mark.parametrize("route", POSTS)
def test_no_key_brings_back_what_a_removed_session_answered(api: Client, route: str) -> None:
    path = f"/sessions/{new_session(api)}"
    if route == "restore":
        api.delete(path)
    assert api.post(f"{path}/{route}", json=POSTS[route], headers=KEY).status == 200
    api.delete(f"{path}?permanent=true")
    for wait in (lambda: None, carry_out_jobs):
        wait()
        again = api.post(f"{path}/{route}", json=POSTS[route], headers=KEY)
        assert (again.status, again.json["code"]) == (404, "session_not_found")


def test_no_key_brings_back_the_cancel_of_a_removed_session(api: Client, user_id: str) -> None:
    session_id = new_session(api)
    queue.take(Sender(user_id, session_id, ids.new(), milliseconds(now() + timedelta(minutes=1))), None)
    assert api.post(f"/sessions/{session_id}/cancel", headers=KEY).status == 202
    delete(api, session_id)
    again = api.post(f"/sessions/{session_id}/cancel", headers=KEY)
    assert (again.status, again.json["code"]) == (404, "session_not_found")


def test_no_key_brings_back_a_removed_session_itself(api: Client) -> None:
    session_id = api.post("/sessions", json={"title": "secret"}, headers=KEY).json["session_id"]
    delete(api, session_id)
    assert "secret" not in api.post("/sessions", json={"title": "other"}, headers=KEY).text
    refused = api.post("/sessions", json={"title": "secret"}, headers=KEY)
    assert (refused.status, refused.json["code"]) == (409, "session_deleted")
    carry_out_jobs()
    assert api.post("/sessions", json={"title": "secret"}, headers=KEY).json["session_id"] != session_id


@pytest.mark.parametrize("query", ["permament=true", "Permanent=true", "permanent=true&now=1", "x=" + "y" * 300])
def test_a_parameter_that_is_none_is_named_and_deletes_nothing(api: Client, query: str) -> None:
    session_id = new_session(api)
    refused = api.delete(f"/sessions/{session_id}?{query}")
    assert (refused.status, refused.json["errors"][0]["detail"]) == (422, "is unknown")
    assert api.get(f"/sessions/{session_id}").json["status"] == "active"
