"""A pytest plugin for LangGraph's own tests: where they ask for a checkpointer, they get a DynamoDBSaver on moto."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

import boto3
import pytest
from botocore.handlers import BUILTIN_HANDLERS
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer
from moto import mock_aws
from moto.core.models import botocore_stubber

from chatkeep.checkpointer import DynamoDBSaver

FIXTURES = {"sync_checkpointer", "async_checkpointer"}
PARAMETER = "memory"  # of LangGraph's fixtures, the one that this plugin answers
_one_at_a_time = threading.Lock()  # moto's tables are plain dictionaries


def _answer(event_name: str, request: Any, **options: Any) -> Any:
    with _one_at_a_time:
        return botocore_stubber(event_name, request, **options)


BUILTIN_HANDLERS[BUILTIN_HANDLERS.index(("before-send", botocore_stubber))] = ("before-send", _answer)


@contextmanager
def dynamodb_saver() -> Iterator[DynamoDBSaver]:
    """A saver on a table of its own. It takes any type, as LangGraph's own savers do by default."""
    with mock_aws():
        client = boto3.client("dynamodb", region_name="us-east-1")
        table = f"checkpoints-{uuid4()}"
        DynamoDBSaver.create_table(client, table)
        yield DynamoDBSaver(table, client, serde=JsonPlusSerializer())


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Keep the tests that ask for a checkpointer, once for each of their other parameters."""
    from tests import conftest  # LangGraph's, which has been imported by now

    conftest._checkpointer_memory = dynamodb_saver
    kept = [item for item in items if _asks_for_ours(item)]
    config.hook.pytest_deselected(items=[item for item in items if item not in kept])
    items[:] = kept


def _asks_for_ours(item: pytest.Item) -> bool:
    parameters = getattr(getattr(item, "callspec", None), "params", {})
    asked = [parameters[name] for name in FIXTURES if name in parameters]
    return bool(asked) and set(asked) == {PARAMETER}
