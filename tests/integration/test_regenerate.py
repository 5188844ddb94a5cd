"""Answers that are made again: the branch that is shown, the agent's memory, and the requests that are refused."""

from typing import Any

import pytest

from tests.chat import new_session, sent
from tests.client import Client, Response
from tests.views import transcript, views


def again(api: Client, session_id: str, message_id: str, **options: Any) -> Response:
    key = options.pop("key", None)
    headers = {} if key is None else {"Idempotency-Key": key}
    return api.post(f"/sessions/{session_id}/messages", json={"regenerate": message_id, **options}, headers=headers)


def test_x(api: Client, dynamodb: Any, user_id: str) -> None:
    session_id = new_session(api)
    answers = [sent(api, session_id, f"q{n}") for n in range(3)]
    r = again(api, session_id, answers[1]["message"]["message_id"])
    print(r.json)
    assert r.status == 200
    found = views(dynamodb, user_id, session_id)
    print([(m["content"], m["parent_id"], m["siblings"]) for m in found.transcript], found.memory)
    sent(api, session_id, "more")
    found = views(dynamodb, user_id, session_id)
    print(found.memory)
    assert again(api, session_id, answers[0]["message"]["message_id"]).status == 200
    found = views(dynamodb, user_id, session_id)
    print([(m["content"], m["parent_id"], m["siblings"]) for m in found.transcript], found.memory)
    assert 0
