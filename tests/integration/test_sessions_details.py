"""Long prompts and metadata: stored beside the header, and no reader can tell."""

import json
from typing import Any
from uuid import uuid4

import pytest

from chatkeep.models.details import Details
from chatkeep.models.session import Session
from chatkeep.sessions import placing
from functions.sessions.schemas.rules import DEEPEST_METADATA, LONGEST_METADATA_BYTES, LONGEST_PROMPT_BYTES
from tests.chat import sent
from tests.client import IDLE, Client
from tests.wire import requests

ROOM = placing.room(Session(f"user-{uuid4()}", str(uuid4())))
LAMBDA_BYTES = 6 * 1024 * 1024
SHORT, LONG = {"a": "short"}, {"a": "long " * 100}
LARGEST_METADATA = {"a": "é" * ((LONGEST_METADATA_BYTES - 9) // 2)}


def stored(user_id: str, session_id: str) -> tuple[Session, Details | None]:
    key, details = Session(user_id, session_id), Details(user_id, session_id)
    found = list(Details.query(details.pk, Details.sk == "DETAILS"))
    return Session.get(key.pk, key.sk), found[0] if found else None


def create(api: Client, **fields: Any) -> str:
    return str(api.post("/sessions", json=fields).json["session_id"])


@pytest.mark.parametrize("prompt", ["", "p" * (ROOM - 47)])
def test_what_is_short_lies_in_the_header(api: Client, user_id: str, prompt: str) -> None:
    header, details = stored(user_id, create(api, custom_system_prompt=prompt, metadata=SHORT))
    assert (header.custom_system_prompt, header.metadata, details) == (prompt, SHORT, None)


@pytest.mark.parametrize("prompt", ["p" * (ROOM - 30), "é" * (LONGEST_PROMPT_BYTES // 2)])
def test_what_is_long_lies_in_the_details(api: Client, user_id: str, prompt: str) -> None:
    session_id = create(api, custom_system_prompt=prompt, metadata=LONG)
    header, details = stored(user_id, session_id)
    assert (header.custom_system_prompt, header.metadata) == (None, None)
    assert details is not None
    assert (details.custom_system_prompt, details.metadata) == (prompt, LONG)
    read = api.get(f"/sessions/{session_id}").json
    assert (read["custom_system_prompt"], read["metadata"]) == (prompt, LONG)


@pytest.mark.parametrize("first", ["", "short", "x" * 200, "y" * 30_000])
@pytest.mark.parametrize("second", ["", "also short", "z" * 200])
def test_a_prompt_may_move_between_header_and_details(api: Client, first: str, second: str) -> None:
    session_id = create(api, custom_system_prompt=first, metadata=LONG)
    changed = api.patch(f"/sessions/{session_id}", json={"custom_system_prompt": second}).json
    assert (changed["custom_system_prompt"], changed["metadata"]) == (second, LONG)
    assert api.get(f"/sessions/{session_id}").json == changed | IDLE
    assert api.get("/sessions").json["sessions"] == [changed]


def test_what_becomes_long_leaves_the_header_and_what_becomes_short_comes_back(api: Client, user_id: str) -> None:
    session_id = create(api, custom_system_prompt="short", metadata=SHORT)
    api.patch(f"/sessions/{session_id}", json={"custom_system_prompt": "p" * 200, "metadata": LONG})
    header, details = stored(user_id, session_id)
    assert (header.custom_system_prompt, header.metadata) == (None, None)
    assert details is not None
    assert (details.custom_system_prompt, details.metadata) == ("p" * 200, LONG)
    api.patch(f"/sessions/{session_id}", json={"custom_system_prompt": "short", "metadata": SHORT})
    header, _ = stored(user_id, session_id)
    assert (header.custom_system_prompt, header.metadata) == ("short", SHORT)


def test_metadata_may_move_between_header_and_details(api: Client) -> None:
    session_id = create(api, metadata=SHORT, custom_system_prompt="p" * 200)
    for metadata in (LONG, {}, LARGEST_METADATA, SHORT):
        changed = api.patch(f"/sessions/{session_id}", json={"metadata": metadata}).json
        assert (changed["metadata"], changed["custom_system_prompt"]) == (metadata, "p" * 200)
        assert api.get(f"/sessions/{session_id}").json == changed | IDLE


def test_a_search_does_not_find_what_long_metadata_said_before(api: Client) -> None:
    session_id = create(api, metadata={"a": "needle " * 100})
    assert len(api.get("/sessions?q=needle").json["sessions"]) == 1
    api.patch(f"/sessions/{session_id}", json={"metadata": SHORT})
    assert api.get("/sessions?q=needle").json["sessions"] == []


def test_details_stay_through_archive_and_delete(api: Client) -> None:
    session_id = create(api, metadata=LONG, custom_system_prompt="p" * 500)
    for change in ({"is_archived": True}, {"is_pinned": True}, {"title": "x"}):
        assert api.patch(f"/sessions/{session_id}", json=change).json["metadata"] == LONG
    deleted = api.delete(f"/sessions/{session_id}").json
    assert (deleted["metadata"], deleted["custom_system_prompt"]) == (LONG, "p" * 500)


def test_metadata_may_be_as_deep_as_it_may_be_and_is_read_everywhere(api: Client) -> None:
    deep: Any = "the bottom"
    for _ in range(DEEPEST_METADATA):
        deep = {"a": deep}
    session_id = create(api, metadata=deep)
    assert api.get(f"/sessions/{session_id}").json["metadata"] == deep
    assert len(api.get("/sessions?q=the+bottom").json["sessions"]) == 1
    assert api.post("/sessions", json={"metadata": {"one more": deep}}).status == 422


def test_a_page_of_the_longest_sessions_is_no_longer_than_lambda_may_answer(api: Client, user_id: str) -> None:
    prompt = "漢" * (LONGEST_PROMPT_BYTES // 3)
    session_id = create(api, custom_system_prompt=prompt, metadata=LARGEST_METADATA)
    header, details = stored(user_id, session_id)
    with Session.batch_write() as batch:
        for number in range(99):
            copy = Session(user_id, f"{session_id[:-4]}{number:04}")
            copy.attribute_values = {**header.attribute_values, **copy.attribute_values}
            copy.place_in_list()
            batch.save(copy)
            batch.save(Details(user_id, copy.session_id, custom_system_prompt=prompt, metadata=details.metadata))
    response = api.get("/sessions?limit=100")
    assert {one["custom_system_prompt"] for one in response.json["sessions"]} == {prompt}
    assert len(response.json["sessions"]) == 100
    assert len(json.dumps(response.text, ensure_ascii=False).encode()) < LAMBDA_BYTES


def test_a_title_and_a_model_without_room_in_the_header_are_shown_everywhere(api: Client, user_id: str) -> None:
    title, model = "漢" * 200, "bedrock:" + "m" * 192
    session_id = create(api, title=title, model_name=model, custom_system_prompt="p" * 500)
    header, _ = stored(user_id, session_id)
    assert (header.title, header.model_name) == (None, None)
    read = api.get(f"/sessions/{session_id}").json
    assert (read["title"], read["model_name"]) == (title, model)
    for query in ("", f"?q={title[:9]}"):
        (listed,) = api.get(f"/sessions{query}").json["sessions"]
        assert listed | IDLE == read
    assert api.get(f"/sessions/{session_id}/stats").json["title"] == title
    assert api.get(f"/sessions/{session_id}/thread-config").json["configurable"]["model_name"] == model
    assert api.patch(f"/sessions/{session_id}", json={"title": "short"}).json["title"] == "short"
    assert api.get("/sessions?q=漢").json["sessions"] == []


def test_a_turn_reads_no_details_for_a_title_and_metadata(api: Client) -> None:
    session_id = create(api, title="漢" * 200, metadata=LARGEST_METADATA)
    with requests() as asked:
        assert sent(api, session_id, "hello")["message"]["content"] == "echo: hello"
    assert "BatchGetItem" not in {operation for operation, _ in asked}
    longer = create(api, custom_system_prompt="p" * 500)
    with requests() as asked:
        sent(api, longer, "hello")
    assert "BatchGetItem" in {operation for operation, _ in asked}
