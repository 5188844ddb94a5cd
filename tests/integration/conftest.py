"""What several modules of integration tests start from."""

from typing import Any

import pytest

from chatkeep.checkpointer import DynamoDBSaver
from tests.checkpoint_threads import TABLE, Thread


@pytest.fixture
def saver(dynamodb: Any) -> DynamoDBSaver:
    return DynamoDBSaver(TABLE, dynamodb)


@pytest.fixture
def thread(saver: DynamoDBSaver, user_id: str) -> Thread:
    return Thread(saver, user_id)
