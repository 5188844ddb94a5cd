"""POST /sessions/bulk: what it takes and what it refuses."""

from typing import Any

import pytest

from chatkeep import ids
from tests.cases import one_in
from tests.chat import new_session
from tests.client import Client

ACTIONS = ["archive", "unarchive", "pin", "unpin", "delete", "restore", "delete_permanently"]
WRONG = {
    "no ids": ({"session_ids": [], "action": "pin"}, "session_ids"),
    "ids too many": ({"session_ids": ["x"] * 101, "action": "pin"}, "session_ids"),
    "ids left out": ({"action": "pin"}, "session_ids"),
    "ids null": ({"session_ids": None, "action": "pin"}, "session_ids"),
    "one id alone": ({"session_ids": "x", "action": "pin"}, "session_ids"),
    "an id that is a number": ({"session_ids": ["x", 1], "action": "pin"}, "session_ids.1"),
    "an id that is null": ({"session_ids": [None], "action": "pin"}, "session_ids.0"),
    "a long id": ({"session_ids": ["x" * 101], "action": "pin"}, "session_ids.0"),
    "an id that is no Unicode": ({"session_ids": ["x", "\ud800"], "action": "pin"}, "session_ids.1"),
    "no action": ({"session_ids": ["x"]}, "action"),
    "an unknown action": ({"session_ids": ["x"], "action": "purge"}, "action"),
    "an action in capitals": ({"session_ids": ["x"], "action": "PIN"}, "action"),
    "a list of actions": ({"session_ids": ["x"], "action": ["pin"]}, "action"),
    "no tag": ({"session_ids": ["x"], "action": "tag"}, "tag"),
    "no tag to remove": ({"session_ids": ["x"], "action": "untag"}, "tag"),
    "an empty tag": ({"session_ids": ["x"], "action": "tag", "tag": ""}, "tag"),
    "a long tag": ({"session_ids": ["x"], "action": "tag", "tag": "t" * 51}, "tag"),
    "a tag that is null": ({"session_ids": ["x"], "action": "tag", "tag": None}, "tag"),
    "a tag that is no text": ({"session_ids": ["x"], "action": "tag", "tag": ["t"]}, "tag"),
    "a tag that is no Unicode": ({"session_ids": ["x"], "action": "tag", "tag": "\udfff"}, "tag"),
    "an unknown field": ({"session_ids": ["x"], "action": "pin", "title": "x"}, "title"),
    **{f"a tag to {one}": ({"session_ids": ["x"], "action": one, "tag": "t"}, "tag") for one in ACTIONS},
}


def results(api: Client, session_ids: list[str], action: str, **more: Any) -> list[tuple[str, int, str | None]]:
    response = api.post("/sessions/bulk", json={"session_ids": session_ids, "action": action, **more})
    assert response.status == 200, response.text
    return [(one["session_id"], one["status"], one["code"]) for one in response.json["results"]]


@pytest.mark.parametrize("wrong", one_in(3, list(WRONG)))
def test_a_wrong_field_is_refused_by_its_name_and_nothing_is_done(api: Client, wrong: str) -> None:
    new_session(api, session_id="x")
    before = api.get("/sessions/x").json
    body, field = WRONG[wrong]
    refused = api.post("/sessions/bulk", json=body)
    assert (refused.status, [one["field"] for one in refused.json["errors"]]) == (422, [field])
    assert api.get("/sessions/x").json == before


def test_what_can_be_no_session_is_not_found_as_in_a_path(api: Client) -> None:
    named = ["", "bulk", "..", "a/b", "é", "\x00", " ", "x" * 100, ids.new(), ids.new().upper()]
    for action in ("pin", "delete_permanently", "tag"):
        more = {"tag": "t"} if action == "tag" else {}
        assert results(api, named, action, **more) == [(one, 404, "session_not_found") for one in named]


@pytest.mark.thorough
def test_a_hundred_ids_are_answered_in_their_order(api: Client) -> None:
    mine = new_session(api)
    named = [*(f"unknown-{number}" for number in range(98)), mine, mine]
    answered = results(api, named, "pin")
    assert [one for one, _, _ in answered] == named
    assert [status for _, status, _ in answered] == [404] * 98 + [200, 200]


def test_one_tag_too_many_is_a_conflict_and_changes_nothing(api: Client) -> None:
    full, free = new_session(api, tags=[f"{number}" for number in range(20)]), new_session(api)
    before = api.get(f"/sessions/{full}").json
    assert results(api, [full, free], "tag", tag="new") == [(full, 409, "too_many_tags"), (free, 200, None)]
    assert api.get(f"/sessions/{full}").json == before
    assert results(api, [full], "tag", tag="7") == [(full, 200, None)]
    assert api.get(f"/sessions/{free}").json["tags"] == ["new"]


def test_a_temporary_session_is_changed_as_any_other(api: Client) -> None:
    session_id = new_session(api, is_temporary=True)
    for action, more in (("tag", {"tag": "t"}), ("pin", {}), ("archive", {}), ("delete", {}), ("restore", {})):
        assert results(api, [session_id], action, **more) == [(session_id, 200, None)]
    shown = api.get(f"/sessions/{session_id}").json
    assert (shown["tags"], shown["is_pinned"], shown["status"]) == (["t"], True, "archived")
    assert api.get("/sessions?status=all").json["sessions"] == []
