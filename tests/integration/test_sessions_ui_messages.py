"""GET /sessions/{session_id}/messages?format=ui: the transcript as AI SDK's `useChat` takes it."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.chat import deployment, new_session, sent
from tests.client import Client

LAMBDA_BYTES = 6 * 1024 * 1024


@pytest.fixture
def tooled(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """An agent that calls a tool in each turn."""
    with deployment(monkeypatch, {"GRAPH": "tests.graphs:agent"}):
        yield


def pages(api: Client, session_id: str, query: str = "") -> list[list[dict[str, Any]]]:
    found, cursor = [], ""
    while cursor is not None:
        path = f"/sessions/{session_id}/messages?format=ui{query}"
        response = api.get(f"{path}&cursor={cursor}" if cursor else path)
        assert response.status == 200, response.text
        assert len(json.dumps(response.text, ensure_ascii=False).encode()) < LAMBDA_BYTES
        found.append(response.json["messages"])
        cursor = response.json["next_cursor"]
    return found


def test_a_turn_is_a_question_and_one_answer_with_all_its_steps(api: Client, tooled: None) -> None:
    session_id = new_session(api, session_id="my-chat")
    turn = sent(api, session_id, "some words")
    ((question, answer),) = pages(api, session_id)
    asked = turn["user_message"]
    assert question == {"id": asked["message_id"], "role": "user", "parts": [{"type": "text", "text": "some words"}]}
    call = {"type": "dynamic-tool", "toolName": "add", "toolCallId": f"call-{asked['message_id']}"}
    assert answer["parts"] == [
        {"type": "step-start"},
        {**call, "input": {"numbers": [4, 5]}, "state": "output-available", "output": "9"},
        {"type": "step-start"},
        text("The sum is 9."),
    ]
    usage = dict(turn["usage"])
    cost = usage.pop("cost")
    said = turn["message"]
    names = ("turn_id", "message_id", "status", "model_name", "created_at", "context_tokens", "context_limit")
    told = {name: said[name] for name in names}
    assert answer["metadata"] == {"session_id": "my-chat", **told, "usage": usage, "cost": cost}


def text(words: str) -> dict[str, str]:
    return {"type": "text", "text": words, "state": "done"}


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", ["qaqaqa"]),
        ("&limit=2", ["qa", "qa", "qa"]),
        ("&limit=3", ["qa", "qa", "qa"]),
        ("&limit=5", ["qaqa", "qa"]),
        ("&limit=1", list("qaqaqa")),
        ("&limit=1&order=desc", list("aqaqaq")),
        ("&limit=3&order=desc", ["aq", "aq", "aq"]),
    ],
)
def test_no_page_has_an_answer_without_its_question(api: Client, tooled: None, query: str, expected: list[str]) -> None:
    session_id = new_session(api)
    turns = [sent(api, session_id, "a word") for _ in range(3)]
    found = pages(api, session_id, query)
    assert ["".join("q" if one["role"] == "user" else "a" for one in page) for page in found] == expected
    order = [one["id"] for page in found for one in page if one["role"] == "user"]
    assert order == [one["user_message"]["message_id"] for one in (turns[::-1] if "desc" in query else turns)]


def test_an_answer_that_does_not_fit_is_cut_and_says_so(api: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    with deployment(monkeypatch, {"GRAPH": "tests.graphs:flood"}):
        session_id = new_session(api)
        sent(api, session_id, "60 100000")
        ((_, answer),) = pages(api, session_id)
    assert answer["metadata"]["truncated"] is True
    calls = [part for part in answer["parts"] if part["type"] == "dynamic-tool"]
    assert [part["state"] for part in calls] == ["output-available"] * 60


def test_a_failed_call_is_shown_as_failed(api: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    with deployment(monkeypatch, {"GRAPH": "tests.graphs:careless"}):
        session_id = new_session(api)
        sent(api, session_id, "one")
        sent(api, session_id, "two")  # the turn that answers the first one's open call
        ((_, first, _, _),) = pages(api, session_id)
    assert [part["type"] for part in first["parts"]] == ["step-start", "text", "dynamic-tool"]
    assert first["parts"][-1]["errorText"] == "The call was stopped before it gave a result."


def test_a_rating_is_shown_with_the_answer(api: Client) -> None:
    session_id = new_session(api)
    message_id = sent(api, session_id, "hello")["message"]["message_id"]
    api.put(f"/sessions/{session_id}/messages/{message_id}/feedback", json={"rating": "thumbs_up"})
    ((_, answer),) = pages(api, session_id)
    assert answer["metadata"]["feedback"]["rating"] == "thumbs_up"


def test_a_cursor_of_one_format_is_none_of_the_other(api: Client) -> None:
    session_id = new_session(api)
    for _ in range(2):
        sent(api, session_id, "hello")
    path = f"/sessions/{session_id}/messages?limit=2"
    cursor = api.get(f"{path}&format=ui").json["next_cursor"]
    assert api.get(f"{path}&cursor={cursor}").status == 422
    assert api.get(f"{path}&format=markdown").status == 422
