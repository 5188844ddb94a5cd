"""32 users at once on the whole service, as `make run` serves it."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.runner import Runner, running

USERS = 32
TURNS = 3


def converse(runner: Runner, number: int) -> None:
    """One user's conversation; each answer is to that user's words and no other's."""
    with runner.client(f"user-{number}") as client:
        new = {"title": f"of user {number}", "model_name": "scripted:echo"}
        session_id = client.post("/sessions", json=new).json()["session_id"]
        said = [f"{number} says {turn}" for turn in range(TURNS)]
        for content in said:
            answer = client.post(f"/sessions/{session_id}/messages", json={"content": content})
            assert answer.status_code == 200, answer.text
            assert answer.json()["message"]["content"] == f"echo: {content}"
        stored = client.get(f"/sessions/{session_id}/messages").json()["messages"]
        assert [message["content"] for message in stored[::2]] == said
        assert [session["title"] for session in client.get("/sessions").json()["sessions"]] == [f"of user {number}"]
        assert client.get("/stats").json()["total_messages"] == 2 * TURNS


@pytest.mark.thorough
def test_32_users_converse_at_once_without_an_error_or_a_mixed_up_answer(tmp_path: Path) -> None:
    with running(tmp_path) as runner, ThreadPoolExecutor(USERS) as threads:
        list(threads.map(lambda number: converse(runner, number), range(USERS)))
