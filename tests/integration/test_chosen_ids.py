"""Sessions under ids that their clients choose: one per user and id, and the same on every route."""

import re
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from chatkeep import ids
from chatkeep.sessions import creating
from functions.sessions import preferences
from functions.sessions.schemas.sessions import NewSession
from infra.local.template import load_routes
from tests.cases import one_in
from tests.chat import new_session, send, sent
from tests.client import IDLE, STACK, Client
from tests.jobs import carry_out_jobs

OWN = "Mine:1_a-b.c"
SHOWN = re.compile(r'"session_id": ?"([^"]*)"')
ALPHABET = "ABCXYZabcxyz0189_-.:"
KEY = {"Idempotency-Key": "a-key"}
BODIES: dict[str, Any] = {
    "PATCH /sessions/{session_id}": {"title": "renamed"},
    "POST /sessions/{session_id}/usage": {"tokens_used": 1},
    "POST /sessions/{session_id}/messages": {"content": "hello"},
    "POST /sessions/{session_id}/messages/stream": {"content": "hello"},
    "PUT /sessions/{session_id}/messages/{message_id}/feedback": {"rating": "thumbs_up"},
}
ENDS = ["DELETE /sessions/{session_id}", "POST /sessions/{session_id}/restore"]
CANCEL = "POST /sessions/{session_id}/cancel"
COMPACT = "POST /sessions/{session_id}/compact"
RUNNING_CHAT = "GET /chat/{session_id}/stream"
THREAD = "GET /sessions/{session_id}/thread-config"
STATUSES = {CANCEL: 409, COMPACT: 202, RUNNING_CHAT: 204}
"""Those of a session on which no turn runs, where it is not 200."""
OF_A_SESSION = {f"{one.method} {one.path}" for one in load_routes(STACK) if "{session_id}" in one.path}


def reserved(text: str) -> bool:
    return (
        text in {"bulk", ".", ".."}
        or re.fullmatch(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}", text) is not None
    )


def sessions_of(api: Client) -> list[str]:
    return [one["session_id"] for one in api.get("/sessions?status=all").json["sessions"]]


def purge(api: Client, session_id: str) -> None:
    assert api.delete(f"/sessions/{session_id}?permanent=true").status == 202
    carry_out_jobs()


@settings(max_examples=8)
@given(chosen=st.text(ALPHABET, min_size=1, max_size=100).filter(lambda one: not reserved(one)))
@example(chosen="x" * 100)
@example(chosen="...")
@example(chosen="-")
@example(chosen="null")
@example(chosen="Bulk")
def test_an_id_in_the_alphabet_is_the_sessions_own(api: Client, chosen: str) -> None:
    somebody = api.as_user(f"user-{ids.new()}")
    response = somebody.post("/sessions", json={"session_id": chosen})
    assert (response.status, response.json["session_id"]) == (201, chosen)
    assert somebody.get(f"/sessions/{chosen}").json == response.json | IDLE
    assert sessions_of(somebody) == [chosen]


@settings(max_examples=15)
@given(chosen=st.one_of(st.text(max_size=120), st.uuids().map(str), st.uuids().map(lambda one: str(one).upper())))
@example(chosen="")
@example(chosen="bulk")
@example(chosen=".")
@example(chosen="..")
@example(chosen="x" * 101)
@example(chosen="x\n")
@example(chosen="a/b")
@example(chosen="a%2Fb")
@example(chosen="\ud800")
@example(chosen="é")
@example(chosen="00000000-0000-0000-0000-00000000000A")
def test_any_other_id_is_refused_by_its_name(api: Client, chosen: str) -> None:
    if re.fullmatch(r"[A-Za-z0-9_.:-]{1,100}", chosen) and not reserved(chosen):
        return
    refused = api.post("/sessions", json={"session_id": chosen})
    assert (refused.status, [one["field"] for one in refused.json["errors"]]) == (422, ["session_id"])
    assert api.get("/stats").json["total_sessions"] == 0


@pytest.mark.parametrize("value", [None, 1, True, ["a"], {"a": 1}], ids=repr)
def test_an_id_that_is_no_text_is_refused(api: Client, value: Any) -> None:
    refused = api.post("/sessions", json={"session_id": value})
    assert [one["field"] for one in refused.json["errors"]] == ["session_id"]


def test_every_route_takes_the_id_and_shows_no_other(api: Client, user_id: str) -> None:
    new_session(api, session_id=OWN)
    stored, turn = ids.of_session(user_id, OWN), sent(api, OWN, "hello")
    names = {"session_id": OWN, "message_id": turn["message"]["message_id"], "turn_id": turn["turn_id"]}
    for route in [*sorted(OF_A_SESSION - {*ENDS}), *ENDS]:
        method, path = route.split()
        answer = api.request(method, path.format(**names), json=BODIES.get(route))
        assert answer.status == STATUSES.get(route, 200), route
        assert set(SHOWN.findall(answer.text)) <= {OWN}, route
        assert (stored in answer.text) is (route == THREAD), route


def test_lists_searches_receipts_and_bulk_answers_show_it(api: Client, user_id: str) -> None:
    new_session(api, session_id=OWN, title="found", tags=["t"])
    for query in ("status=all", "q=found", "tag=t"):
        assert [one["session_id"] for one in api.get(f"/sessions?{query}").json["sessions"]] == [OWN]
    bulk = api.post("/sessions/bulk", json={"session_ids": [OWN], "action": "pin"})
    assert bulk.json["results"] == [{"session_id": OWN, "status": 200, "code": None}]
    receipt = api.delete(f"/sessions/{OWN}?permanent=true").json
    shown = [receipt, api.get(f"/deletions/{receipt['deletion_id']}").json, *api.get("/deletions").json["deletions"]]
    assert [one["session_id"] for one in shown] == [OWN] * 3


@pytest.mark.parametrize("written", ["Mine%3A1_a-b.c", "%4Dine:1_a-b%2Ec", "Mine%3a1%5Fa%2Db.c"])
def test_the_id_may_be_percent_encoded_in_a_path(api: Client, written: str) -> None:
    session = api.post("/sessions", json={"session_id": OWN}).json
    assert api.get(f"/sessions/{written}").json == session | IDLE
    assert send(api, written, "hello").status == 200


def test_the_thread_is_known_by_an_id_of_its_own_that_finds_the_session_too(api: Client, user_id: str) -> None:
    session = api.post("/sessions", json={"session_id": OWN}).json
    thread_id = api.get(f"/sessions/{OWN}/thread-config").json["configurable"]["thread_id"]
    assert thread_id == ids.of_session(user_id, OWN)
    assert api.get(f"/sessions/{thread_id}").json == session | IDLE


def test_the_case_of_an_id_counts(api: Client) -> None:
    new_session(api, session_id=OWN)
    assert api.get(f"/sessions/{OWN.lower()}").status == 404
    assert api.post("/sessions", json={"session_id": OWN.lower()}).status == 201


def test_two_users_have_a_session_each_under_one_id(api: Client, user_id: str) -> None:
    other = api.as_user(f"{user_id}-2")
    mine = api.post("/sessions", json={"session_id": OWN, "title": "mine"}).json
    theirs = other.post("/sessions", json={"session_id": OWN, "title": "theirs"}).json
    sent(api, OWN, "hello")
    purge(api, OWN)
    assert other.get(f"/sessions/{OWN}").json == theirs | IDLE
    assert other.get("/deletions").json["deletions"] == []
    assert (mine["title"], api.get(f"/sessions/{OWN}").status) == ("mine", 404)


def test_the_same_id_again_is_the_session_as_it_is(api: Client) -> None:
    new_session(api, session_id=OWN, tags=["t"], metadata={"long": "x" * 1_000})
    api.patch(f"/sessions/{OWN}", json={"title": "renamed"})
    now = api.get(f"/sessions/{OWN}").json
    for body in ({}, {"title": "other", "tags": [], "is_temporary": True, "temperature": 0}):
        again = api.post("/sessions", json={"session_id": OWN, **body})
        assert (again.status, again.json | IDLE) == (200, now)
    assert api.get(f"/sessions/{OWN}").json == now
    assert api.get("/stats").json["total_sessions"] == 1


def test_the_same_id_again_is_the_deleted_session_while_it_can_be_restored(api: Client) -> None:
    new_session(api, session_id=OWN)
    deleted = api.delete(f"/sessions/{OWN}").json
    again = api.post("/sessions", json={"session_id": OWN})
    assert (again.status, again.json) == (200, deleted)
    assert api.get("/stats").json["deleted_sessions"] == 1


def test_the_id_is_taken_while_its_session_is_removed_and_free_afterwards(api: Client) -> None:
    new_session(api, session_id=OWN, title="first", tags=["t"])
    sent(api, OWN, "hello")
    api.delete(f"/sessions/{OWN}?permanent=true")
    assert [api.post("/sessions", json={"session_id": OWN}).json["code"] for _ in range(2)] == ["session_deleted"] * 2
    carry_out_jobs()
    again = api.post("/sessions", json={"session_id": OWN})
    assert (again.status, again.json["title"], again.json["tags"]) == (201, "New Conversation", [])
    assert api.get(f"/sessions/{OWN}/messages").json["messages"] == []


def test_a_second_life_has_a_receipt_of_its_own(api: Client) -> None:
    receipts = []
    for _ in range(2):
        new_session(api, session_id=OWN)
        purge(api, OWN)
        receipts.append(api.delete(f"/sessions/{OWN}?permanent=true").json["deletion_id"])
    assert receipts[1] > receipts[0]
    assert [one["deletion_id"] for one in api.get("/deletions").json["deletions"]] == receipts[::-1]


def test_a_key_gets_the_first_answer_and_not_the_session_as_it_is(api: Client) -> None:
    first = api.post("/sessions", json={"session_id": OWN}, headers=KEY)
    api.patch(f"/sessions/{OWN}", json={"title": "renamed"})
    again = api.post("/sessions", json={"session_id": OWN}, headers=KEY)
    assert (again.status, again.json) == (first.status, first.json)


def test_a_key_remembers_that_nothing_was_created(api: Client) -> None:
    new_session(api, session_id=OWN)
    first = api.post("/sessions", json={"session_id": OWN}, headers=KEY)
    api.patch(f"/sessions/{OWN}", json={"title": "renamed"})
    again = api.post("/sessions", json={"session_id": OWN}, headers=KEY)
    assert (again.status, again.json) == (first.status, first.json)
    assert first.status == 200


@pytest.mark.parametrize("body", one_in(2, [{"session_id": OWN, "title": "other"}, {"session_id": "other"}, {}]))
@pytest.mark.parametrize("known", [True, False], ids=["a known id", "a new id"])
def test_a_key_with_another_body_is_refused(api: Client, known: bool, body: dict[str, Any]) -> None:
    if known:
        new_session(api, session_id=OWN)
    api.post("/sessions", json={"session_id": OWN}, headers=KEY)
    refused = api.post("/sessions", json=body, headers=KEY)
    assert (refused.status, refused.json["code"]) == (422, "idempotency_key_reused")
    assert sessions_of(api) == [OWN]


def test_no_key_brings_back_a_session_that_is_removed(api: Client) -> None:
    api.post("/sessions", json={"session_id": OWN}, headers=KEY)
    api.delete(f"/sessions/{OWN}?permanent=true")
    refused = api.post("/sessions", json={"session_id": OWN}, headers=KEY)
    assert (refused.status, refused.json["code"]) == (409, "session_deleted")
    carry_out_jobs()
    assert api.post("/sessions", json={"session_id": OWN}, headers=KEY).status == 201


def test_many_who_create_one_id_at_once_make_one_session(api: Client, user_id: str) -> None:
    new = NewSession(session_id=OWN)
    chosen, _ = preferences.for_session(user_id, new)
    with ThreadPoolExecutor(8) as callers:
        made = list(callers.map(lambda _: creating.create(user_id, chosen, None, OWN), range(8)))
    assert sorted(is_new for _, is_new in made) == [False] * 7 + [True]
    assert {one.session_id for one, _ in made} == {OWN}
    assert api.get("/stats").json["active_sessions"] == 1
