"""Sessions whose every character takes an escape: no answer exceeds what Lambda passes on, and no page is empty."""

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st

from chatkeep import ids
from chatkeep.messages import fitting
from chatkeep.models.details import Details
from chatkeep.models.session import Session
from functions.sessions.schemas.rules import LONGEST_METADATA_BYTES, LONGEST_PROMPT_BYTES
from tests.client import IDLE, Client, Response

LAMBDA_BYTES = 6_291_456
UNSHRUNK = (Phase.explicit, Phase.generate)
SESSIONS = 40
HOSTILE = ["\x01", '"', "\\", "\n", "\x7f", "\u2028", "漢", "😀", "a"]
fillings = st.lists(st.sampled_from(HOSTILE), min_size=1, max_size=4).map("".join)


def filled(filling: str, most_bytes: int) -> str:
    """As much of a filling as takes at most so many bytes in UTF-8."""
    return filling * (most_bytes // len(filling.encode()))


def metadata_of(filling: str) -> dict[str, Any]:
    """As much of a filling as takes at most so many bytes in the JSON that is measured."""
    most = (LONGEST_METADATA_BYTES - 40) // (len(json.dumps(filling, ensure_ascii=False).encode()) - 2)
    return {"a": filling * most}


def written(response: Response) -> int:
    """The bytes of the function's result, JSON in JSON, with the two separators escaped as some of its writers do."""
    result = {
        "statusCode": response.status,
        "body": response.text,
        "isBase64Encoded": False,
        "multiValueHeaders": {name: [value] for name, value in response.headers.items()},
    }
    text = json.dumps(result, ensure_ascii=False)
    return len(text.encode()) + 3 * (text.count("\u2028") + text.count("\u2029"))


def create_many(api: Client, fields: dict[str, Any]) -> list[str]:
    """Ids of as many sessions with these fields, of which the first comes through the API and the others are copies."""
    user_id, session_id = str(api.user_id), str(api.post("/sessions", json=fields).json["session_id"])
    header, details = Session(user_id, session_id), Details(user_id, session_id)
    header.refresh(consistent_read=True)
    details.refresh(consistent_read=True)
    created = [session_id]
    with Session.batch_write() as batch:
        for _ in range(SESSIONS - 1):
            copy = Session(user_id, ids.new())
            copy.attribute_values = {**header.attribute_values, **copy.attribute_values}
            copy.place_in_list()
            its_details = Details(user_id, copy.session_id)
            its_details.attribute_values = {**details.attribute_values, **its_details.attribute_values}
            batch.save(copy)
            batch.save(its_details)
            created.append(copy.session_id)
    return created


def read_all(api: Client, query: str) -> list[str]:
    """The ids on all pages, each of which fits into an answer and shows something."""
    found: list[str] = []
    cursor = ""
    while True:
        page = api.get(f"/sessions?limit=100&{query}" + (f"&cursor={cursor}" if cursor else ""))
        assert written(page) <= LAMBDA_BYTES
        assert page.json["sessions"]
        found += [one["session_id"] for one in page.json["sessions"]]
        if page.json["next_cursor"] is None:
            return found
        cursor = page.json["next_cursor"]


@pytest.mark.thorough
@example(prompt="\x01", metadata='"', title="\x01")
@given(prompt=fillings, metadata=fillings, title=fillings)
@settings(max_examples=2, phases=UNSHRUNK, suppress_health_check=list(HealthCheck))
def test_every_list_of_the_longest_sessions_fits_and_loses_none(
    api: Client, prompt: str, metadata: str, title: str
) -> None:
    user = api.as_user(f"{api.user_id}-{ids.new()}")
    fields = {"title": filled(title, 200)[:200], "custom_system_prompt": filled(prompt, LONGEST_PROMPT_BYTES)}
    created = create_many(user, {**fields, "metadata": {**metadata_of(metadata), "b": "needle"}})
    for query in ("status=active", "status=all", "q=needle"):
        assert sorted(read_all(user, query)) == sorted(created)


@pytest.mark.parametrize("filling", HOSTILE)
def test_a_session_alone_fits_however_it_is_asked_for(api: Client, filling: str) -> None:
    prompt = filled(filling, LONGEST_PROMPT_BYTES)
    fields = {"title": filling * 200, "custom_system_prompt": prompt, "metadata": metadata_of(filling)}
    key = {"Idempotency-Key": "a-key"}
    created = api.post("/sessions", json=fields, headers=key)
    path = f"/sessions/{created.json['session_id']}"
    preferences = api.put("/preferences", json={"custom_system_prompt": prompt})
    answers = [created, api.post("/sessions", json=fields, headers=key), api.get(path)]
    answers += [api.patch(path, json=fields), api.delete(path)]
    assert all(one.json["custom_system_prompt"] == prompt for one in [*answers, preferences])
    assert max(map(written, [*answers, preferences])) <= LAMBDA_BYTES // 10
    assert created.json | IDLE == answers[1].json | IDLE == answers[2].json


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_the_room_that_is_reckoned_with_is_what_the_result_takes(text: str) -> None:
    response = {"body": json.dumps(text, ensure_ascii=False)}
    escaped = 3 * (text.count("\u2028") + text.count("\u2029"))
    assert fitting.size(text) == len(json.dumps(response, ensure_ascii=False).encode()) - len('{"body": ""}') + escaped
