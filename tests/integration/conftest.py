"""What several modules of integration tests start from."""

from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest

from chatkeep.checkpointer import DynamoDBSaver
from tests.chat import deployment
from tests.checkpoint_threads import TABLE, Thread
from tests.provider.openai import Endpoint, serve


@pytest.fixture
def own_table(dynamodb: Any) -> Iterator[str]:
    """For what scans: the engine's own table may hold all that other tests have left."""
    name = f"checkpoints-{uuid4()}"
    DynamoDBSaver.create_table(dynamodb, name)
    yield name
    dynamodb.delete_table(TableName=name)


@pytest.fixture
def saver(dynamodb: Any) -> DynamoDBSaver:
    return DynamoDBSaver(TABLE, dynamodb)


@pytest.fixture
def thread(saver: DynamoDBSaver, user_id: str) -> Thread:
    return Thread(saver, user_id)


@pytest.fixture
def endpoint(monkeypatch: pytest.MonkeyPatch) -> Iterator[Endpoint]:
    """The endpoint that this deployment's `openai:` models are at."""
    with serve() as found, deployment(monkeypatch, {"OPENAI_BASE_URL": found.url, "OPENAI_API_KEY": "key"}):
        yield found
