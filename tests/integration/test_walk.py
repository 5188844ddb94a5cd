"""A newcomer's conversation over HTTP with a real `make run`, stopped and started in between."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from tests.runner import ROOT, running

QUESTIONS = ["My name is Ada. Where should I travel?", "And in winter?", "What is my name?"]
Json = dict[str, Any]


@contextmanager
def made(folder: Path) -> Iterator[httpx.Client]:
    """A client of `make run`, with a token of `make token`; Ctrl-C at the end."""
    command = ["make", "-s", "token", "USER=alice", f"CHATKEEP_DATA={folder}"]
    token = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()
    with running(folder, command=["make", "run"]) as runner:
        try:
            with httpx.Client(base_url=runner.url, headers={"Authorization": f"Bearer {token}"}, timeout=60) as client:
                yield client
        finally:
            runner.interrupt()


def ok(response: httpx.Response, status: int = 200) -> Json:
    assert response.status_code == status, response.text
    answer: Json = response.json()
    return answer


def converse(client: httpx.Client) -> str:
    """A session of three turns with the embedded model."""
    ok(client.put("/preferences", json={"default_temperature": 0.2, "default_max_tokens": 24}))
    new = {"title": "Holidays", "metadata": {"team": "Nordics"}}
    session_id: str = ok(client.post("/sessions", json=new), 201)["session_id"]
    for question in QUESTIONS:
        ok(client.post(f"/sessions/{session_id}/messages", json={"content": question}))
    return session_id


def test_a_newcomer_holds_a_conversation_that_is_there_after_a_restart(tmp_path: Path) -> None:
    with made(tmp_path) as client:
        session_id = converse(client)
        remembers(client, session_id)
        counts(client, session_id)
        lists(client, session_id)
        before = everything(client, session_id)
    with made(tmp_path) as client:
        assert everything(client, session_id) == before


def remembers(client: httpx.Client, session_id: str) -> None:
    """The prompts grow: the embedded model gets the whole thread."""
    messages = transcript(client, session_id)
    answers = messages[1::2]
    assert [message["content"] for message in messages[::2]] == QUESTIONS
    assert all(answer["content"] for answer in answers)
    prompts = [answer["usage"]["input_tokens"] for answer in answers]
    assert prompts == sorted(set(prompts))


def counts(client: httpx.Client, session_id: str) -> None:
    """The statistics agree with the transcript."""
    messages = transcript(client, session_id)
    tokens = sum(message["usage"]["total_tokens"] for message in messages if message["usage"])
    feedback = f"/sessions/{session_id}/messages/{messages[1]['message_id']}/feedback"
    ok(client.put(feedback, json={"rating": "thumbs_up"}))
    session, user = ok(client.get(f"/sessions/{session_id}/stats")), ok(client.get("/stats"))
    assert (session["message_count"], session["total_tokens"]) == (6, tokens)
    assert (session["thumbs_up"], session["satisfaction_rate"]) == (1, 100)
    assert (user["total_sessions"], user["total_messages"], user["total_tokens"]) == (1, 6, tokens)
    (day,) = ok(client.get("/stats/daily"))["days"]
    assert (day["turns"], day["messages"], day["input_tokens"] + day["output_tokens"]) == (3, 6, tokens)


def lists(client: httpx.Client, session_id: str) -> None:
    """The list shows what was searched, pinned and archived."""
    other = ok(client.post("/sessions", json={"title": "Later"}), 201)["session_id"]
    assert listed(client) == [other, session_id]
    assert listed(client, q="nordics") == [session_id]
    ok(client.patch(f"/sessions/{session_id}", json={"is_pinned": True}))
    assert listed(client) == [session_id, other]
    ok(client.patch(f"/sessions/{session_id}", json={"is_archived": True}))
    assert listed(client) == [other]
    assert listed(client, status="archived") == [session_id]


def transcript(client: httpx.Client, session_id: str) -> list[Json]:
    messages: list[Json] = ok(client.get(f"/sessions/{session_id}/messages"))["messages"]
    return messages


def listed(client: httpx.Client, **parameters: str) -> list[str]:
    return [session["session_id"] for session in ok(client.get("/sessions", params=parameters))["sessions"]]


def everything(client: httpx.Client, session_id: str) -> list[Json]:
    paths = ("/preferences", "/sessions", f"/sessions/{session_id}/messages", f"/sessions/{session_id}/stats", "/stats")
    return [ok(client.get(path)) for path in paths]
