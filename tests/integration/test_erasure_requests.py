"""DELETE /me: a user's erasure, as requests meet it before, while it runs, and afterwards."""

from typing import Any

import pytest

from tests.cases import one_in
from tests.chat import new_session, sent
from tests.client import Client
from tests.jobs import carry_out_jobs

OWN = "mine"


def erase(api: Client, user_id: str) -> dict[str, Any]:
    response = api.delete("/me", json={"confirm": user_id})
    assert response.status == 202, response.text
    receipt: dict[str, Any] = response.json
    return receipt


def listed(api: Client) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = api.get("/deletions").json["deletions"]
    return found


WRONG = {
    "another user": ('{"confirm": "somebody-else"}', "confirm"),
    "nobody": ('{"confirm": ""}', "confirm"),
    "yes": ('{"confirm": true}', "confirm"),
    "null": ('{"confirm": null}', "confirm"),
    "a list": ('{"confirm": ["%s"]}', "confirm"),
    "another case": ('{"confirm": "%S"}', "confirm"),
    "blanks about it": ('{"confirm": " %s "}', "confirm"),
    "a lone surrogate": ('{"confirm": "\\ud800"}', "confirm"),
    "nothing": ("{}", "confirm"),
    "no body": ("", "body"),
    "an array": ('["%s"]', "body"),
    "a text": ('"%s"', "body"),
    "more": ('{"confirm": "%s", "really": true}', "really"),
}


@pytest.mark.parametrize("wrong", one_in(3, list(WRONG)))
def test_whoever_does_not_confirm_is_not_erased(api: Client, user_id: str, wrong: str) -> None:
    session_id = new_session(api)
    body, field = WRONG[wrong]
    refused = api.delete("/me", body=body.replace("%s", user_id).replace("%S", user_id.upper()))
    assert (refused.status, [one["field"] for one in refused.json["errors"]]) == (422, [field])
    assert listed(api) == []
    assert api.get(f"/sessions/{session_id}").status == 200
    assert api.post("/sessions", json={}).status == 201


def test_nobody_erases_another(api: Client, user_id: str) -> None:
    assert api.as_user("somebody-else").delete("/me", json={"confirm": user_id}).status == 422
    assert api.post("/sessions", json={}).status == 201


def test_the_receipt_is_the_same_while_it_runs_and_tells_nobody(api: Client, user_id: str) -> None:
    new_session(api)
    asked = erase(api, user_id)
    assert erase(api, user_id) == asked == api.get(f"/deletions/{asked['deletion_id']}").json
    assert (asked["kind"], asked["session_id"], asked["status"]) == ("user", None, "pending")
    assert listed(api) == [asked]
    assert user_id not in str(asked)


def test_nothing_new_can_be_made_until_it_is_done(api: Client, user_id: str) -> None:
    new_session(api, session_id=OWN)
    erase(api, user_id)
    refused = [
        api.post("/sessions", json={}),
        api.post("/sessions", json={"session_id": "other"}),
        api.post("/sessions", json={"is_temporary": True}, headers={"Idempotency-Key": "a-key"}),
        api.put("/preferences", json={}),
    ]
    assert {(one.status, one.json["code"]) for one in refused} == {(409, "user_being_erased")}


@pytest.mark.usefixtures("empty_tables")
def test_a_session_under_a_tombstone_of_the_erasure_is_not_found_nor_made_anew(
    api: Client, user_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    session_id, _ = new_session(api), new_session(api, session_id=OWN)
    erase(api, user_id)
    with monkeypatch.context() as stopped:
        stopped.setattr("chatkeep.removal.purging.Purge.remove_contents", _out_of_time)
        with pytest.raises(AssertionError):
            carry_out_jobs()
    for one in (session_id, OWN):
        assert api.get(f"/sessions/{one}").status == 404
        assert api.delete(f"/sessions/{one}?permanent=true").status == 404
    refused = api.post("/sessions", json={"session_id": OWN})
    assert (refused.status, refused.json["code"]) == (409, "user_being_erased")
    assert listed(api)[0]["status"] in {"pending", "running"}


def _out_of_time(*_: Any) -> None:
    from chatkeep.removal.pace import OutOfTimeError

    raise OutOfTimeError


def test_afterwards_there_is_nothing_but_the_receipt(api: Client, user_id: str) -> None:
    api.put("/preferences", json={"default_temperature": 0})
    removed = new_session(api)
    sent(api, new_session(api, session_id=OWN, tags=["t"]), "hello", key="k")
    api.delete(f"/sessions/{removed}?permanent=true")
    carry_out_jobs()
    asked = erase(api, user_id)
    carry_out_jobs()
    (receipt,) = listed(api)
    assert (receipt["deletion_id"], receipt["status"], receipt["session_id"]) == (asked["deletion_id"], "done", None)
    assert (receipt["removed"]["sessions"], receipt["removed"]["messages"]) == (1, 2)
    assert api.get(f"/deletions/{asked['deletion_id']}").json == receipt
    assert api.get("/sessions?status=all").json["sessions"] == []
    assert (api.get("/stats").json["total_sessions"], api.get("/stats/daily").json["days"]) == (0, [])
    assert api.get("/preferences").json["default_temperature"] != 0
    assert api.delete(f"/sessions/{removed}?permanent=true").status == 404


def test_then_the_user_starts_anew(api: Client, user_id: str) -> None:
    new_session(api, session_id=OWN, title="first")
    first = erase(api, user_id)
    carry_out_jobs()
    again = api.post("/sessions", json={"session_id": OWN})
    assert (again.status, again.json["title"]) == (201, "New Conversation")
    assert sent(api, OWN, "hello")["status"] == "completed"
    assert api.get("/stats").json["total_messages"] == 2
    assert api.put("/preferences", json={}).status == 200
    assert [one["deletion_id"] for one in listed(api)] == [first["deletion_id"]]


def test_each_erasure_has_a_receipt_of_its_own(api: Client, user_id: str) -> None:
    made = []
    for _ in range(2):
        made.append(erase(api, user_id)["deletion_id"])
        carry_out_jobs()
    assert [one["deletion_id"] for one in listed(api)] == made[::-1]
    page = api.get("/deletions?limit=1").json
    rest = api.get(f"/deletions?cursor={page['next_cursor']}").json["deletions"]
    assert [one["deletion_id"] for one in (*page["deletions"], *rest)] == made[::-1]


def test_receipts_of_sessions_and_of_erasures_are_in_one_list(api: Client, user_id: str) -> None:
    first = erase(api, user_id)["deletion_id"]
    carry_out_jobs()
    second = api.delete(f"/sessions/{new_session(api)}?permanent=true").json["deletion_id"]
    third = erase(api, user_id)["deletion_id"]
    assert [(one["deletion_id"], one["kind"]) for one in listed(api)] == [
        (third, "user"),
        (second, "session"),
        (first, "user"),
    ]


@pytest.mark.thorough
def test_other_users_see_nothing_of_it(api: Client, user_id: str) -> None:
    others = [api.as_user(f"{user_id}{more}") for more in ("0", "#", "-2")]
    kept = [new_session(other, session_id=OWN) for other in others]
    asked = erase(api, user_id)
    carry_out_jobs()
    for other, session_id in zip(others, kept, strict=True):
        assert other.get(f"/sessions/{session_id}").status == 200
        assert (listed(other), other.get(f"/deletions/{asked['deletion_id']}").status) == ([], 404)
