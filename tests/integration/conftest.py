"""Fixtures shared by modules of integration tests."""

import sys
from collections.abc import Iterator
from typing import Any

import pytest

from chatkeep.checkpointer import DynamoDBSaver
from tests import graphs
from tests.chat import deployment
from tests.checkpoint_threads import TABLE, Thread
from tests.provider import bedrock as bedrock_runtime
from tests.provider import openai

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
def bedrock() -> Iterator[bedrock_runtime.Bedrock]:
    """Where this deployment's `bedrock:` models are."""
    with bedrock_runtime.serve() as found:
        yield found
