"""GET /sessions?q=: in titles and the values of metadata, whatever the case, and only there."""

from typing import Any
from urllib.parse import quote

import pytest

from tests.client import Client

METADATA = {
    "Key": "Value",
    "deep": [{"list": ["Straße", 3.25, None, True]}],
    "count": 42,
    "empty": "",
}


def found(api: Client, q: str, query: str = "") -> list[str]:
    return [one["title"] for one in api.get(f"/sessions?q={quote(q)}{query}").json["sessions"]]


@pytest.mark.parametrize("q", ["Trip", "trip", "RIP to L", "lisbon", "Übung", "ÜBUNG", "übung"])
def test_a_title_is_found_by_any_part_of_it_in_any_case(api: Client, q: str) -> None:
    api.post("/sessions", json={"title": "Trip to Lisbon, Übung"})
    api.post("/sessions", json={"title": "Something else"})
    assert found(api, q) == ["Trip to Lisbon, Übung"]


@pytest.mark.parametrize("q", ["value", "STRASSE", "straße", "42", "3.25", "true"])
@pytest.mark.parametrize("padding", [{}, {"padding": "x" * 500}], ids=["in the header", "in the details"])
def test_a_value_of_metadata_is_found_wherever_it_is_stored(api: Client, q: str, padding: dict[str, Any]) -> None:
    api.post("/sessions", json={"title": "this", "metadata": METADATA | padding})
    api.post("/sessions", json={"title": "that", "metadata": {"other": "x" * 500}})
    assert found(api, q) == ["this"]


@pytest.mark.parametrize("q", ["Key", "deep", "count", "null", "none", "[", '"', "active", "scripted", "prompt"])
def test_what_is_no_title_and_no_value_of_metadata_is_not_found(api: Client, q: str) -> None:
    api.post("/sessions", json={"title": "this", "metadata": METADATA, "custom_system_prompt": "a prompt"})
    assert found(api, q) == []


@pytest.mark.parametrize("q", ["100%", "a.b", "(", "\\", "a*", "_"])
def test_what_is_sought_is_no_pattern(api: Client, q: str) -> None:
    api.post("/sessions", json={"title": "axb and 1000"})
    api.post("/sessions", json={"title": f"it says {q}"})
    assert found(api, q) == [f"it says {q}"]


def test_a_search_stays_within_its_status_and_its_user(api: Client) -> None:
    for title in ("note 1", "note 2", "note 3"):
        session = api.post("/sessions", json={"title": title}).json["session_id"]
    api.delete(f"/sessions/{session}")
    assert found(api, "note") == ["note 2", "note 1"]
    assert found(api, "note", "&status=deleted") == ["note 3"]
    assert found(api, "note", "&status=all") == ["note 3", "note 2", "note 1"]
    assert found(api.as_user("somebody-else-without-sessions"), "note", "&status=all") == []


def test_pinned_ones_come_first_in_a_search_too(api: Client) -> None:
    first = api.post("/sessions", json={"title": "note 1", "is_pinned": True}).json["session_id"]
    api.post("/sessions", json={"title": "note 2"})
    assert found(api, "note") == ["note 1", "note 2"]
    api.patch(f"/sessions/{first}", json={"is_pinned": False, "title": "no longer"})
    assert found(api, "note") == ["note 2"]


def test_pages_of_a_search_are_full_though_most_sessions_do_not_match(api: Client) -> None:
    for number in range(30):
        api.post("/sessions", json={"title": f"wanted {number}" if number % 6 == 0 else "other"})
    first = api.get("/sessions?q=wanted&limit=2").json
    second = api.get(f"/sessions?q=wanted&limit=2&cursor={first['next_cursor']}").json
    third = api.get(f"/sessions?q=wanted&limit=2&cursor={second['next_cursor']}").json
    listed = [[one["title"] for one in page["sessions"]] for page in (first, second, third)]
    assert listed == [["wanted 24", "wanted 18"], ["wanted 12", "wanted 6"], ["wanted 0"]]
    assert third["next_cursor"] is None
