"""GET /sessions: by status, pinned first, newest first; pages that are full, and cursors that survive writes."""

import base64
from typing import Any

import pytest

from tests.client import IDLE, Client


def create(api: Client, *titles: str, **fields: Any) -> list[str]:
    return [api.post("/sessions", json={"title": title, **fields}).json["session_id"] for title in titles]


def titles(api: Client, query: str = "") -> list[str]:
    return [one["title"] for one in api.get(f"/sessions?{query}").json["sessions"]]


def pages(api: Client, query: str) -> list[list[str]]:
    """The titles of every page."""
    found, cursor = [], ""
    while cursor is not None:
        response = api.get(f"/sessions?{query}" + (f"&cursor={cursor}" if cursor else ""))
        assert response.status == 200
        found.append([one["title"] for one in response.json["sessions"]])
        cursor = response.json["next_cursor"]
    return found


def test_a_user_without_sessions_gets_an_empty_list(api: Client) -> None:
    assert api.get("/sessions").json == {"sessions": [], "next_cursor": None}


def test_the_newest_change_comes_first_and_pinned_ones_above(api: Client) -> None:
    first, second, *_ = create(api, "1", "2", "3", "4")
    api.patch(f"/sessions/{second}", json={"is_pinned": True})
    api.patch(f"/sessions/{first}", json={"is_archived": False})
    create(api, "5")
    assert titles(api) == ["2", "5", "1", "4", "3"]
    api.patch(f"/sessions/{first}", json={"is_pinned": True})
    assert titles(api) == ["1", "2", "5", "4", "3"]
    api.patch(f"/sessions/{second}", json={"is_pinned": False})
    assert titles(api) == ["1", "2", "5", "4", "3"]
    api.patch(f"/sessions/{first}", json={"is_pinned": False})
    assert titles(api) == ["1", "2", "5", "4", "3"]


def test_reported_usage_brings_a_session_up(api: Client) -> None:
    first, _ = create(api, "1", "2")
    api.post(f"/sessions/{first}/usage", json={"tokens_used": 1})
    assert titles(api) == ["1", "2"]


def test_a_listed_session_is_the_session(api: Client) -> None:
    long = {"custom_system_prompt": "p" * 200, "metadata": {"a": "x" * 200}, "temperature": 0}
    ids = create(api, "1", **long) + create(api, "2", metadata={"a": "short"}) + create(api, "3")
    api.post(f"/sessions/{ids[0]}/usage", json={"tokens_used": 7, "message_count": 2, "cost": 0.5})
    listed = {one["session_id"]: one for one in api.get("/sessions").json["sessions"]}
    assert {one: session | IDLE for one, session in listed.items()} == {
        one: api.get(f"/sessions/{one}").json for one in ids
    }


def test_each_status_has_its_list(api: Client) -> None:
    _, archived, deleted = create(api, "active", "archived", "deleted")
    api.patch(f"/sessions/{archived}", json={"is_archived": True, "is_pinned": True})
    api.delete(f"/sessions/{deleted}")
    assert titles(api) == titles(api, "status=active") == ["active"]
    assert titles(api, "status=archived") == ["archived"]
    assert titles(api, "status=deleted") == ["deleted"]
    assert titles(api, "status=deleted,active") == titles(api, "status=active,deleted,active") == ["deleted", "active"]
    assert titles(api, "status=all") == ["archived", "deleted", "active"]


def test_another_users_sessions_are_not_listed(api: Client) -> None:
    create(api, "mine")
    assert titles(api.as_user("somebody-else-without-sessions"), "status=all") == []


@pytest.mark.parametrize("query", ["status=active", "status=all", "q=number"])
def test_pages_are_full_and_each_session_is_on_one(api: Client, query: str) -> None:
    create(api, *(f"number {number}" for number in range(7)))
    newest_first = [f"number {number}" for number in reversed(range(7))]
    assert pages(api, f"{query}&limit=3") == [newest_first[:3], newest_first[3:6], newest_first[6:]]
    assert pages(api, f"{query}&limit=7") == pages(api, query) == [newest_first]
    assert [len(page) for page in pages(api, f"{query}&limit=1")] == [1] * 7


def test_pages_over_several_statuses_keep_the_order(api: Client) -> None:
    ids = create(api, *(str(number) for number in range(6)))
    for one in ids[::2]:
        api.patch(f"/sessions/{one}", json={"is_archived": True})
    api.patch(f"/sessions/{ids[1]}", json={"is_pinned": True})
    assert pages(api, "status=active,archived&limit=4") == [["1", "4", "2", "0"], ["5", "3"]]


def test_a_cursor_survives_what_is_written_between_pages(api: Client) -> None:
    ids = create(api, *(str(number) for number in range(8)))
    first = api.get("/sessions?limit=3").json
    assert [one["title"] for one in first["sessions"]] == ["7", "6", "5"]
    create(api, "new")
    api.delete(f"/sessions/{ids[5]}")  # the last of the page, where the cursor stands
    api.patch(f"/sessions/{ids[4]}", json={"is_archived": True})
    api.patch(f"/sessions/{ids[0]}", json={"title": "0, changed"})
    assert titles(api, f"limit=3&cursor={first['next_cursor']}") == ["3", "2", "1"]


def test_a_cursor_may_be_used_with_another_limit(api: Client) -> None:
    create(api, *"abcdef")
    cursor = api.get("/sessions?limit=1").json["next_cursor"]
    assert titles(api, f"limit=100&cursor={cursor}") == ["e", "d", "c", "b", "a"]


def test_a_cursor_is_good_for_its_list_alone(api: Client) -> None:
    (session, *_) = create(api, *"abc")
    cursor = api.get("/sessions?limit=1").json["next_cursor"]
    assert cursor
    others = ["status=archived", "status=all", "status=active,archived", "q=a"]
    refused = [api.get(f"/sessions?{other}&cursor={cursor}") for other in others]
    refused += [api.as_user("somebody-else").get(f"/sessions?cursor={cursor}")]
    refused += [api.get(f"/sessions/{session}/messages?cursor={cursor}")]
    assert [(one.status, one.json["errors"][0]["field"]) for one in refused] == [(422, "cursor")] * len(refused)


def test_a_cursor_that_was_tampered_with_is_refused(api: Client) -> None:
    create(api, *"abc")
    cursor: str = api.get("/sessions?limit=1").json["next_cursor"]
    payload, _, signature = cursor.rpartition(".")  # a payload that was compressed begins with one, too
    forged = base64.urlsafe_b64encode(b'"1#9999"').decode().rstrip("=")
    wrong = ["", "x", payload, cursor[:-1], f"{cursor}x", cursor.swapcase(), f"{forged}.{signature}", f".{signature}"]
    refused = [api.get("/sessions", params={"cursor": one}) for one in wrong]
    assert [(one.status, one.json["errors"][0]["field"]) for one in refused] == [(422, "cursor")] * len(wrong)


def test_a_cursor_says_nothing_about_the_keys_that_its_user_could_use(api: Client, user_id: str) -> None:
    create(api, *"ab")
    assert user_id not in api.get("/sessions?limit=1").json["next_cursor"]


def test_a_page_of_long_sessions_ends_where_an_answer_has_no_more_room(api: Client) -> None:
    names = [str(number) for number in range(50)]
    create(api, *names, custom_system_prompt='"' * 32_768)  # four bytes each, as Lambda counts
    found = pages(api, "limit=100")
    assert [len(page) for page in found] == [39, 11]
    assert [*found[0], *found[1]] == names[::-1]
