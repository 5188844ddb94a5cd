"""A user's session and turns, as the chat tests tell them."""

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import pytest

from chatkeep.agent import graph as agent
from chatkeep.agent.settings import settings
from tests.client import Client, Response


@contextmanager
def deployment(monkeypatch: pytest.MonkeyPatch, variables: Mapping[str, str]) -> Iterator[None]:
    """The chat function as it would run with these environment variables."""
    with monkeypatch.context() as environment:
        for name, value in variables.items():
            environment.setenv(name, value)
        _forget()
        yield
    _forget()


def _forget() -> None:
    from chatkeep.agent import runtime  # it imports the models, which read the engine's address

    settings.cache_clear()
    runtime.tools.cache_clear()
    agent.factory.cache_clear()


@contextmanager
def meanwhile(wait: Callable[[], object], act: Callable[[], object]) -> Iterator[None]:
    """Does `act` in a thread of its own once `wait` returns."""

    def run() -> None:
        wait()
        act()

    thread = threading.Thread(target=run)
    thread.start()
    yield
    thread.join()


def new_session(api: Client, **settings_of_session: Any) -> str:
    created = api.post("/sessions", json=settings_of_session)
    assert created.status == 201, created.text
    return str(created.json["session_id"])


def send(api: Client, session_id: str, content: str, *, key: str | None = None, **body: Any) -> Response:
    headers = {} if key is None else {"Idempotency-Key": key}
    return api.post(f"/sessions/{session_id}/messages", json={"content": content, **body}, headers=headers)


def send_again(api: Client, session_id: str, message_id: str, *, key: str | None = None, **body: Any) -> Response:
    """Have an answer made again."""
    headers = {} if key is None else {"Idempotency-Key": key}
    return api.post(f"/sessions/{session_id}/messages", json={"regenerate": message_id, **body}, headers=headers)


def sent_again(api: Client, session_id: str, message_id: str, **options: Any) -> dict[str, Any]:
    """The other version of an answer, which succeeds."""
    response = send_again(api, session_id, message_id, **options)
    assert response.status == 200, response.text
    answer: dict[str, Any] = response.json
    return answer


def sent(api: Client, session_id: str, content: str, **options: Any) -> dict[str, Any]:
    """The answer to a turn that succeeds."""
    response = send(api, session_id, content, **options)
    assert response.status == 200, response.text
    answer: dict[str, Any] = response.json
    return answer
