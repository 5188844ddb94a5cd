"""A deployment's list of models: refused where a session, a change or a preference names another, and at the turn."""

from collections.abc import Iterator

import pytest

from functions.sessions.settings import settings
from tests.chat import deployment, new_session, send, sent
from tests.client import Client, Response

ALLOWED, REFUSED = "scripted:echo", "scripted:slow"


@pytest.fixture
def old_session(api: Client) -> str:
    """A session from before the list, whose model is not on it."""
    return new_session(api, model_name=REFUSED)


@pytest.fixture
def listed(api: Client, old_session: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The default model's family alone is allowed."""
    with deployment(monkeypatch, {"ALLOWED_MODELS": ""}):
        settings.cache_clear()
        yield
    settings.cache_clear()


def refusal(response: Response) -> tuple[int, str, list[str]]:
    return response.status, response.json["code"], [one["field"] for one in response.json["errors"]]


@pytest.mark.usefixtures("listed")
def test_a_model_that_is_not_allowed_is_refused_where_it_is_named(api: Client) -> None:
    session_id = new_session(api, model_name=ALLOWED)
    before = api.get("/sessions").json
    refused = (422, "model_not_supported", ["model_name"])
    assert refusal(api.post("/sessions", json={"model_name": REFUSED})) == refused
    assert refusal(api.patch(f"/sessions/{session_id}", json={"model_name": REFUSED})) == refused
    assert refusal(api.put("/preferences", json={"default_model": REFUSED})) == (*refused[:2], ["default_model"])
    assert api.get("/sessions").json == before
    assert api.get("/preferences").json["default_model"] == ALLOWED


@pytest.mark.usefixtures("listed")
def test_a_session_with_a_model_that_is_no_longer_allowed_takes_turns_with_another(
    api: Client, old_session: str
) -> None:
    assert refusal(send(api, old_session, "hello")) == (422, "model_not_supported", ["model_name"])
    assert api.get(f"/sessions/{old_session}").json["model_name"] == REFUSED
    assert api.get(f"/sessions/{old_session}/messages").json["messages"] == []
    assert api.patch(f"/sessions/{old_session}", json={"title": "still mine"}).status == 200
    assert api.patch(f"/sessions/{old_session}", json={"model_name": ALLOWED}).status == 200
    assert sent(api, old_session, "hello")["message"]["content"] == "echo: hello"


def test_new_sessions_of_who_prefers_a_model_that_is_no_longer_allowed_start_with_the_default_one(
    api: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    api.put("/preferences", json={"default_model": REFUSED, "default_temperature": 0})
    with deployment(monkeypatch, {"ALLOWED_MODELS": ""}):
        settings.cache_clear()
        preferred = api.get("/preferences").json
        assert (preferred["default_model"], preferred["default_temperature"]) == (ALLOWED, 0)
        assert sent(api, new_session(api), "hello")["message"]["model_name"] == ALLOWED
    settings.cache_clear()
    assert api.get("/preferences").json["default_model"] == REFUSED
