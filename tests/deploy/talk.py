"""A conversation with the emulator's Bedrock, which answers with a digest of all that it was asked."""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import httpx

PROMPT = "You are brief."


@dataclass(frozen=True)
class Talk:
    """A session and the answers to its turns."""

    session_id: str
    answers: list[dict[str, Any]]

    @property
    def path(self) -> str:
        return f"/sessions/{self.session_id}"

    @property
    def said(self) -> list[str]:
        return [answer[one]["content"] for answer in self.answers for one in ("user_message", "message")]


def hold(client: httpx.Client, questions: Sequence[str], **settings: Any) -> Talk:
    """A session with these settings and a turn for each question, whose idempotency key is the question itself."""
    created = client.post("/sessions", json=settings)
    assert created.status_code == 201, created.text
    talk = Talk(created.json()["session_id"], [])
    for question in questions:
        talk.answers.append(ask(client, talk, question, key=question))
    return talk


def ask(client: httpx.Client, talk: Talk, question: str, key: str) -> dict[str, Any]:
    """The turn that answers a question."""
    answer = client.post(f"{talk.path}/messages", json={"content": question}, headers={"Idempotency-Key": key})
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def answers(content: str, before: Sequence[str]) -> bool:
    """Whether the model said `content` when it was given the prompt and exactly what was said `before`."""
    asked = "\n".join([PROMPT, *before])
    return content.endswith("#" + sha256(asked.encode()).hexdigest()[:8])
