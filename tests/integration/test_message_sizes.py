"""Messages that are larger than an answer may be: cut on their page, and read whole in ranges."""

import random
from typing import Any

import pytest

from chatkeep import ids
from chatkeep.clock import now, stamp
from chatkeep.messages import fitting, parts
from chatkeep.models.message import Message, Role
from chatkeep.models.session import Session
from tests.cases import cases, one_in
from tests.chat import deployment, new_session, send, sent
from tests.client import Client
from tests.wire import requests

MEGABYTE = 1 << 20
TEXTS = {"plain": "x", "wide": "😀", "escaped": '"', "control": "\x00", "mixed": "aé漢\n"}


@pytest.fixture
def session_id(api: Client) -> str:
    return new_session(api)


def say(dynamodb: Any, user_id: str, session_id: str, content: str, tool_calls: Any = None) -> str:
    """Store a message as turns do, in as many items as it takes."""
    key = Session(user_id, session_id)
    session = Session.get(key.pk, key.sk)
    message_id = ids.after(session.last_message_id)
    message = Message(user_id, session_id, message_id, turn_id=message_id, role=Role.ASSISTANT, content=content)
    message.created_at, message.tool_calls = stamp(now()), tool_calls
    put, its_parts = parts.split(message)
    for member in (*its_parts, put):
        dynamodb.put_item(**member["Put"])
    session.update([Session.last_message_id.set(message_id)])
    return message_id


def ranges(api: Client, session_id: str, message_id: str) -> list[str]:
    """The whole content, in as many ranges as it takes."""
    read: list[str] = []
    while True:
        start = sum(map(len, read))
        view = api.get(f"/sessions/{session_id}/messages/{message_id}?from={start}").json
        read.append(view["content"])
        assert view["truncated"] == (start + len(view["content"]) < view["content_characters"])
        if not view["truncated"]:
            return read


@pytest.mark.parametrize("order", one_in(2, ["asc", "desc"]))
def test_a_message_over_the_limit_stands_alone_on_its_page_and_is_cut(
    api: Client, dynamodb: Any, user_id: str, session_id: str, order: str
) -> None:
    large = "x" * 7 * MEGABYTE
    for content in ("before", large, large, "after"):
        say(dynamodb, user_id, session_id, content)
    seen, cursor = [], ""
    while cursor is not None:
        query = f"order={order}" + (f"&cursor={cursor}" if cursor else "")
        page = api.get(f"/sessions/{session_id}/messages?{query}").json
        seen.append([(one["content"][:6], one["truncated"], one["content_characters"]) for one in page["messages"]])
        cursor = page["next_cursor"]
    alone = [("xxxxxx", True, len(large))]
    expected = [[("before", False, 6)], alone, alone, [("after", False, 5)]]
    assert seen == (expected if order == "asc" else expected[::-1])


@pytest.mark.parametrize("text", cases(TEXTS, thorough=TEXTS.keys() - {"mixed"}))
def test_a_content_over_the_limit_is_read_whole_in_ranges(
    api: Client, dynamodb: Any, user_id: str, session_id: str, text: str
) -> None:
    content = text * (7 * MEGABYTE // (fitting.size(text) - fitting.size("")))
    message_id = say(dynamodb, user_id, session_id, content)
    read = ranges(api, session_id, message_id)
    assert len(read) == 2
    assert "".join(read) == content


def test_a_range_is_half_open_and_counts_characters(api: Client, dynamodb: Any, user_id: str, session_id: str) -> None:
    message_id = say(dynamodb, user_id, session_id, "a😀é漢")
    expected = {"": "a😀é漢", "from=1": "😀é漢", "to=2": "a😀", "from=1&to=3": "😀é", "from=2&to=2": ""}
    expected |= {"from=4": "", "from=9&to=12": "", "to=999999999999999999999": "a😀é漢"}
    for query, content in expected.items():
        view = api.get(f"/sessions/{session_id}/messages/{message_id}?{query}").json
        assert (view["content"], view["content_characters"], view["truncated"]) == (content, 4, False)


def test_a_message_is_read_as_the_list_shows_it(api: Client, session_id: str) -> None:
    sent(api, session_id, "hello")
    for listed in api.get(f"/sessions/{session_id}/messages").json["messages"]:
        assert api.get(f"/sessions/{session_id}/messages/{listed['message_id']}").json == listed


def test_what_is_not_in_the_transcript_is_not_found(api: Client, dynamodb: Any, user_id: str, session_id: str) -> None:
    message_id = say(dynamodb, user_id, session_id, "hello")
    unseen = ids.after(message_id)  # as a turn stores it that is not done yet
    stored = Message(user_id, session_id, unseen, turn_id=unseen, role=Role.USER, content="x", created_at=stamp(now()))
    stored.save()
    other = new_session(api)
    for path in (f"{session_id}/messages/{unseen}", f"{session_id}/messages/x", f"{other}/messages/{message_id}"):
        response = api.get(f"/sessions/{path}")
        assert (response.status, response.json["code"]) == (404, "message_not_found"), path


def test_arguments_over_the_limit_are_left_out_of_their_call_and_no_other(
    api: Client, dynamodb: Any, user_id: str, session_id: str
) -> None:
    large, small = ({"name": "write", "args": {"text": "x" * n}, "id": "1"} for n in (7 * MEGABYTE, 10))
    message_id = say(dynamodb, user_id, session_id, "done", [large, small])
    (listed,) = api.get(f"/sessions/{session_id}/messages").json["messages"]
    assert listed["tool_calls"] == [{**large, "args": {}, "truncated": True}, small]
    assert (listed["content"], listed["truncated"], listed["content_characters"]) == ("done", True, 4)
    assert api.get(f"/sessions/{session_id}/messages/{message_id}").json == listed


def test_an_empty_range_leaves_the_room_to_the_tool_calls(
    api: Client, dynamodb: Any, user_id: str, session_id: str
) -> None:
    call = {"name": "write", "args": {"text": "x" * 4 * MEGABYTE}, "id": "1"}
    message_id = say(dynamodb, user_id, session_id, "y" * 4 * MEGABYTE, [call])
    path = f"/sessions/{session_id}/messages/{message_id}"
    beside = api.get(path).json
    assert (beside["tool_calls"][0]["args"], beside["truncated"]) == ({}, True)
    assert beside["content_characters"] == len(beside["content"])
    assert api.get(f"{path}?to=0").json["tool_calls"] == [call]


def test_a_page_ends_before_a_large_message_without_reading_it(
    api: Client, dynamodb: Any, user_id: str, session_id: str
) -> None:
    say(dynamodb, user_id, session_id, "before")
    say(dynamodb, user_id, session_id, random.Random(1).randbytes(6 * MEGABYTE).hex())
    with requests() as asked:
        page = api.get(f"/sessions/{session_id}/messages").json
    assert [one["content"] for one in page["messages"]] == ["before"]
    assert page["next_cursor"]
    assert "BatchGetItem" not in {operation for operation, _ in asked}


@pytest.mark.thorough
def test_every_answer_of_a_turn_with_a_large_message_fits(
    api: Client, session_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    characters = 8 * MEGABYTE
    with deployment(monkeypatch, {"GRAPH": "tests.graphs:verbose"}):
        first = send(api, session_id, f"{characters} {characters}", key="k")
        assert send(api, session_id, f"{characters} {characters}", key="k").json == first.json
    answer = first.json["message"]
    assert (answer["truncated"], answer["content_characters"]) == (True, characters)
    assert 4 * MEGABYTE < len(answer["content"]) < characters
    assert first.json["user_message"]["truncated"] is False
    assert "".join(ranges(api, session_id, answer["message_id"])) == "x" * characters
    rated = f"/sessions/{session_id}/messages/{answer['message_id']}/feedback"
    assert api.put(rated, json={"rating": "thumbs_up", "comment": "\x01" * 5_000}).json["truncated"] is True
    assert api.delete(rated).json["truncated"] is True
    _, asked, *_ = api.get(f"/sessions/{session_id}/messages").json["messages"]
    assert (asked["tool_calls"][0]["args"], asked["truncated"]) == ({}, True)
