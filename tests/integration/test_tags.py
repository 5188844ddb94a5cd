"""Tags: as they are given, as PATCH and bulk change them, and as the list is filtered by them."""

from urllib.parse import quote

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.cases import one_in
from tests.chat import new_session
from tests.client import Client, Response

Tags = st.lists(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=50), max_size=20)
MANY = [f"tag {number}" for number in range(20)]
REFUSED = {
    "an empty tag": [""],
    "a long tag": ["x" * 51],
    "a tag too many": [*MANY, "one more"],
    "ten thousand": [f"{number}" for number in range(10_000)],
    "one tag, too often": ["x"] * 21,
    "a lone surrogate": ["\ud800"],
    "a surrogate among others": ["a", "b\udfff"],
    "a number": [1],
    "null within": [None],
    "a list within": [["a"]],
    "an object": {"a": "b"},
    "a text": "a",
    "null": None,
}


def listed(api: Client, query: str) -> set[str]:
    answer = api.get(f"/sessions?{query}")
    assert answer.status == 200, answer.text
    return {one["session_id"] for one in answer.json["sessions"]}


def by_tag(api: Client, *tags: str) -> set[str]:
    return listed(api, "&".join(f"tag={quote(one, safe='')}" for one in tags))


def fields(response: Response) -> list[str]:
    assert (response.status, response.json["code"]) == (422, "invalid_field"), response.text
    return [one["field"].split(".")[0] for one in response.json["errors"]]


@settings(max_examples=4)
@given(tags=Tags)
@example(tags=["a", "A", "\u212b", "\u00c5", "A\u030a", "a b", " ", "\x00", "\x1f", "\U0001f389", "İ", "%20", "tag#1"])
def test_tags_are_kept_and_found_exactly_as_they_are_given(api: Client, user_id: str, tags: list[str]) -> None:
    session_id = new_session(api, tags=tags)
    assert api.get(f"/sessions/{session_id}").json["tags"] == list(dict.fromkeys(tags))
    assert all(session_id in by_tag(api, one) for one in tags)
    assert not tags or session_id in by_tag(api, *tags)
    api.delete(f"/sessions/{session_id}?permanent=true")


@pytest.mark.parametrize("kind", one_in(3, list(REFUSED)))
def test_what_is_no_list_of_tags_is_refused_and_nothing_changes(api: Client, kind: str) -> None:
    tags = REFUSED[kind]
    path = f"/sessions/{new_session(api, tags=['kept'])}"
    before = api.get(path).json
    assert set(fields(api.post("/sessions", json={"tags": tags}))) == {"tags"}
    assert set(fields(api.patch(path, json={"title": "half written", "tags": tags}))) == {"tags"}
    assert (api.get(path).json, api.get("/stats").json["total_sessions"]) == (before, 1)


def test_tags_that_are_left_out_stay_and_an_empty_list_removes_them(api: Client) -> None:
    path = f"/sessions/{new_session(api, tags=['a', 'b'])}"
    assert api.patch(path, json={"title": "x"}).json["tags"] == ["a", "b"]
    assert api.patch(path, json={"tags": ["c", "c", "a"]}).json["tags"] == ["c", "a"]
    assert api.patch(path, json={"tags": []}).json["tags"] == []
    assert api.get(path).json["tags"] == []


def test_twenty_long_tags_fit_and_are_listed(api: Client) -> None:
    tags = [f"{number:02}" + "\U0001f389" * 48 for number in range(20)]
    session_id = new_session(api, tags=tags, title="t" * 200, metadata={"a": "x" * 16_000})
    (shown,) = api.get("/sessions").json["sessions"]
    assert shown["tags"] == api.get(f"/sessions/{session_id}").json["tags"] == tags
    assert by_tag(api, tags[-1]) == {session_id}


def test_all_tags_must_match(api: Client) -> None:
    both, one = new_session(api, tags=["a", "b"]), new_session(api, tags=["a"])
    new_session(api)
    assert by_tag(api, "a") == {both, one}
    assert by_tag(api, "a", "b") == by_tag(api, "b", "a", "b") == {both}
    assert by_tag(api, "a", "c") == by_tag(api, "A") == by_tag(api, "a ") == set()


def test_tags_go_with_a_search_and_a_status(api: Client) -> None:
    found, archived = new_session(api, title="Oslo", tags=["t"]), new_session(api, title="Oslo", tags=["t"])
    new_session(api, title="Bergen", tags=["t"])
    new_session(api, title="Oslo")
    api.patch(f"/sessions/{archived}", json={"is_archived": True})
    assert listed(api, "q=oslo&tag=t") == {found}
    assert listed(api, "q=oslo&tag=t&status=archived") == {archived}
    assert listed(api, "q=oslo&tag=t&status=all") == {found, archived}


def test_a_tag_is_not_searched_for_by_q(api: Client) -> None:
    new_session(api, tags=["hidden"])
    assert listed(api, "q=hidden") == set()


def test_pages_by_tag_are_full_and_meet_each_session_once(api: Client) -> None:
    tagged = {new_session(api, tags=["t"]) for _ in range(5)}
    for _ in range(5):
        new_session(api)
    pages, cursor = [], ""
    while True:
        page = api.get(f"/sessions?tag=t&limit=2{cursor}").json
        pages.append([one["session_id"] for one in page["sessions"]])
        if page["next_cursor"] is None:
            break
        cursor = f"&cursor={page['next_cursor']}"
    assert [len(page) for page in pages] == [2, 2, 1]
    assert {one for page in pages for one in page} == tagged


OTHER_LISTS = ["", "tag=a", "tag=b", "tag=a%1Fb", "tag=a&tag=b&tag=c", "q=x&tag=a&tag=b", "tag=a&tag=b&status=all"]


@pytest.mark.parametrize("query", one_in(3, OTHER_LISTS))
def test_a_cursor_is_good_for_its_own_tags_alone(api: Client, query: str) -> None:
    for _ in range(2):
        new_session(api, title="x", tags=["a", "b", "c", "a\x1fb"])
    cursor = api.get("/sessions?tag=a&tag=b&limit=1").json["next_cursor"]
    assert fields(api.get(f"/sessions?{query}&cursor={cursor}")) == ["cursor"]
    for same in ("tag=b&tag=a", "tag=a&tag=b&tag=a", "tag=a&tag=b&q=%20"):
        assert len(api.get(f"/sessions?{same}&cursor={cursor}").json["sessions"]) == 1


@pytest.mark.parametrize(
    "query", ["tag=", f"tag={'x' * 51}", "tag=a&tag=", "&".join(f"tag={one}" for one in range(21))]
)
def test_what_no_session_can_carry_is_no_tag_to_ask_for(api: Client, query: str) -> None:
    assert set(fields(api.get(f"/sessions?{query}"))) == {"tag"}


@pytest.mark.parametrize("text", ["%ED%A0%80", "%FF", "%00", "%1F"])
def test_a_tag_of_strange_bytes_finds_nothing(api: Client, text: str) -> None:
    new_session(api)
    assert listed(api, f"tag={text}") == set()
