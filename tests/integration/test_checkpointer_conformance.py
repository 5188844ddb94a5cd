"""LangGraph's conformance suite: all capabilities, in threads and without."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from langgraph.checkpoint.conformance import checkpointer_test, validate
from langgraph.checkpoint.conformance.capabilities import Capability

from chatkeep.checkpointer import DynamoDBSaver

TABLE = "chatkeep-CheckpointsTable"


def directly(name: str) -> Any:
    async def call(saver: DynamoDBSaver, *arguments: Any, **named: Any) -> Any:
        return getattr(saver, name)(*arguments, **named)

    return call


class Direct(DynamoDBSaver):
    """The sync methods under the async names, which are the ones that the suite calls."""

    aget_tuple, aput, aput_writes = directly("get_tuple"), directly("put"), directly("put_writes")
    adelete_thread, adelete_for_runs = directly("delete_thread"), directly("delete_for_runs")
    acopy_thread, aprune = directly("copy_thread"), directly("prune")
    aget_delta_channel_history = directly("get_delta_channel_history")

    async def alist(self, *arguments: Any, **named: Any) -> AsyncIterator[Any]:
        for found in self.list(*arguments, **named):
            yield found


@pytest.mark.parametrize("kind", [DynamoDBSaver, Direct])
def test_every_capability_is_detected_and_passes(dynamodb: Any, kind: type[DynamoDBSaver]) -> None:
    @checkpointer_test(name=kind.__name__)
    async def saver() -> AsyncIterator[DynamoDBSaver]:
        yield kind(TABLE, dynamodb)

    report = asyncio.run(validate(saver))
    assert set(report.results) == {capability.value for capability in Capability}
    for capability, result in report.results.items():
        assert (capability, result.failures) == (capability, [])
        assert result.passed
        assert result.tests_skipped == 0
    assert sum(result.tests_passed for result in report.results.values()) == 81
