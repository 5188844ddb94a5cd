"""Ten thousand sessions of a user: a page costs one Query wherever it is; a search is right and its pages are full."""

from typing import Any

import pytest

from chatkeep import ids
from chatkeep.models.session import Session
from functions.sessions import cursor as cursors
from tests.client import Client
from tests.engines import Engine
from tests.wire import requests

MANY = 10_000
PAGE = 50


@pytest.fixture
def newest_first(engine: Engine, api: Client, user_id: str) -> list[tuple[str, str]]:
    """Place and title of each session as they should be listed; written past the functions."""
    session_id = api.post("/sessions", json={}).json["session_id"]
    like = Session.get(f"USER#{user_id}", f"SESSION#{session_id}")
    like.delete()
    items = [item(like, number) for number in range(MANY)]
    for start in range(0, MANY, 25):
        puts = [{"PutRequest": {"Item": one}} for one in items[start : start + 25]]
        assert not engine.client.batch_write_item(RequestItems={Session.Meta.table_name: puts})["UnprocessedItems"]
    return sorted(((one["place"]["S"].partition("#")[2], one["title"]["S"]) for one in items), reverse=True)


def item(like: Session, number: int) -> dict[str, Any]:
    session_id = ids.derived(like.user_id, str(number))
    updated_at = f"2026-01-01T{number // 3600:02}:{number // 60 % 60:02}:{number % 60:02}.000000Z"
    is_pinned = number % 100 == 0
    position = f"{int(is_pinned)}#{updated_at}#{session_id}"
    return like.serialize() | {
        "sk": {"S": f"SESSION#{session_id}"},
        "title": {"S": f"wanted {number}" if number % 250 == 7 else f"session {number}"},
        "is_pinned": {"BOOL": is_pinned},
        "updated_at": {"S": updated_at},
        "place": {"S": f"active#{position}"},
    }


def page(api: Client, **params: Any) -> tuple[list[str], str | None, list[str]]:
    """Titles, the next cursor, and the requests that the page took."""
    with requests() as sent:
        response = api.with_deadline(60).get("/sessions", params=params)  # moto is slow where DynamoDB is not
    assert response.status == 200
    titles = [one["title"] for one in response.json["sessions"]]
    return titles, response.json["next_cursor"], [f"{name} {asked.get('IndexName')}" for name, asked in sent]


@pytest.mark.thorough
def test_a_page_costs_one_query_wherever_it_is_and_a_search_is_right(
    api: Client, user_id: str, newest_first: list[tuple[str, str]]
) -> None:
    titles = [title for _, title in newest_first]
    for place in (0, PAGE, MANY // 2, MANY - PAGE):
        # What the page before gave, were all of them asked for.
        cursor = {"cursor": cursors.seal(newest_first[place - 1][0], "sessions", user_id, "active", "")}
        found, following, asked = page(api, limit=PAGE, **(cursor if place else {}))
        assert (found, asked) == (titles[place : place + PAGE], ["Query ActivityIndex"])
        assert (following is None) == (place == MANY - PAGE)
    wanted = [title for title in titles if title.startswith("wanted")]
    first, following, asked = page(api, q="WANTED", limit=30)
    rest, end, _ = page(api, q="WANTED", limit=30, cursor=following)
    assert (first, rest, end) == (wanted[:30], wanted[30:], None)
    assert set(asked) == {"Query ActivityIndex"}
