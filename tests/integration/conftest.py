"""Fixtures shared by modules of integration tests."""

import sys
from collections.abc import Iterator
from typing import Any

import pytest

from chatkeep.agent.context import learned
from chatkeep.checkpointer import DynamoDBSaver
from tests import graphs
from tests.chat import deployment
from tests.checkpoint_threads import TABLE, Thread
from tests.provider import bedrock as bedrock_runtime
from tests.provider import openai
from tests.provider.small import Small
from tests.streaming import StreamClient, served

collect_ignore = [] if sys.platform == "linux" else ["test_lambda_runtime.py"]


@pytest.fixture
def saver(dynamodb: Any) -> DynamoDBSaver:
    return DynamoDBSaver(TABLE, dynamodb)


@pytest.fixture
def thread(saver: DynamoDBSaver, user_id: str) -> Thread:
    return Thread(saver, user_id)


@pytest.fixture
def endpoint(monkeypatch: pytest.MonkeyPatch) -> Iterator[openai.Endpoint]:
    """The endpoint that this deployment's `openai:` models are at."""
    with openai.serve() as found, deployment(monkeypatch, {"OPENAI_BASE_URL": found.url, "OPENAI_API_KEY": "key"}):
        yield found


@pytest.fixture
def tools(monkeypatch: pytest.MonkeyPatch, endpoint: openai.Endpoint) -> Iterator[openai.Endpoint]:
    """The same endpoint, asked by an agent with tools."""
    graphs.ran.clear()
    variables = {"GRAPH": "tests.graphs:tooled", "OPENAI_BASE_URL": endpoint.url, "OPENAI_API_KEY": "key"}
    with deployment(monkeypatch, variables):
        yield endpoint


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> Iterator[Small]:
    """The endpoint of a model that reads little."""
    learned.forget()
    with openai.serve(found := Small()), deployment(monkeypatch, {"OPENAI_BASE_URL": found.url, "OPENAI_API_KEY": "k"}):
        yield found
    learned.forget()


@pytest.fixture
def bedrock() -> Iterator[bedrock_runtime.Bedrock]:
    """Where this deployment's `bedrock:` models are."""
    with bedrock_runtime.serve() as found:
        yield found


@pytest.fixture(scope="module")
def urls() -> Iterator[tuple[str, str]]:
    """Two servers of the functions that stream, on the same tables."""
    from functions.stream.app import app

    with served(app) as first, served(app) as second:
        yield first, second


@pytest.fixture
def stream(urls: tuple[str, str], user_id: str) -> StreamClient:
    return StreamClient(urls[0], user_id)


@pytest.fixture
def other(urls: tuple[str, str], user_id: str) -> StreamClient:
    return StreamClient(urls[1], user_id)


@pytest.fixture
def spoken(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The deployment's graph follows a script; copies of streams are written and looked at often."""
    monkeypatch.setattr("chatkeep.streams.copy.BETWEEN_SECONDS", 0.03)
    monkeypatch.setattr("functions.stream.looking.LOOK_SECONDS", 0.02)
    with deployment(monkeypatch, {"GRAPH": "tests.told_graphs:spoken"}):
        yield
