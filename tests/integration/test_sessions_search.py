"""GET /sessions?q=: in titles and the values of metadata, whatever the case and the normal form, and only there."""

# ruff: noqa: RUF001

from collections.abc import Callable
from typing import Any
from unicodedata import normalize
from urllib.parse import quote
from uuid import uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

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


FORMS = ["NFC", "NFD", "NFKC", "NFKD"]
CASES: list[Callable[[str], str]] = [str.upper, str.lower, str.title]
letters = st.text(st.sampled_from("Caféİıß ﬁΣςＡ한ㄱ\u1112\u1161\u11ab\u0301\u0327漢😀q"), min_size=1, max_size=30)


@given(title=letters, case=st.sampled_from(CASES), form=st.sampled_from(FORMS), stored=st.sampled_from(FORMS))
@settings(max_examples=25)
def test_a_title_is_found_in_any_case_and_normal_form(
    api: Client, title: str, case: Callable[[str], str], form: str, stored: str
) -> None:
    someone = api.as_user(f"user-{uuid4()}")
    session_id = someone.post("/sessions", json={"title": normalize(stored, title)}).json["session_id"]
    someone.post("/sessions", json={"title": "xyz", "metadata": {"a": "other"}})
    q = f" {case(normalize(form, title))} "
    listed = someone.get(f"/sessions?q={quote(q)}").json["sessions"]
    assert session_id in [one["session_id"] for one in listed]
    assert len(listed) == (2 if q.isspace() else 1)


def test_a_value_of_metadata_is_found_in_any_case_and_normal_form(api: Client) -> None:
    api.post("/sessions", json={"title": "this", "metadata": {"places": ["Cafe\u0301 İstanbul", "x" * 500]}})
    for q in ("CAFÉ", "café istanbul", "ＩＳＴＡＮＢＵＬ", " cafe\u0301  İ"):
        assert found(api, q) == ["this"]
    assert found(api, "cafe") == []


@pytest.mark.parametrize("blank", [" ", "\t\u3000", "\u200b"])
def test_a_blank_search_is_none(api: Client, blank: str) -> None:
    for title in ("1", "2"):
        api.post("/sessions", json={"title": title})
    assert found(api, blank) == ["2", "1"]
    cursor = api.get("/sessions?limit=1").json["next_cursor"]
    assert found(api, blank, f"&cursor={cursor}") == ["1"]


def test_a_cursor_is_good_for_what_is_the_same_search(api: Client) -> None:
    for title in ("Café 1", "Café 2"):
        api.post("/sessions", json={"title": title})
    cursor = api.get(f"/sessions?limit=1&q={quote('café')}").json["next_cursor"]
    assert found(api, " CAFE\u0301", f"&cursor={cursor}") == ["Café 1"]
