"""LangGraph's conformance suite: all capabilities, in threads and without."""

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from langgraph.checkpoint.conformance import checkpointer_test, validate
from langgraph.checkpoint.conformance.capabilities import Capability

from chatkeep.checkpointer import DynamoDBSaver
from tests.checkpoint_threads import TABLE


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


CONFIG = {"configurable": {"thread_id": "thread", "checkpoint_ns": "", "checkpoint_id": "1"}}
CALLS: dict[str, dict[str, Any]] = {
    "get_tuple": {"config": CONFIG},
    "list": {"config": CONFIG},
    "put": {"config": CONFIG, "checkpoint": {}, "metadata": {}, "new_versions": {}},
    "put_writes": {"config": CONFIG, "writes": [], "task_id": "task"},
    "delete_thread": {"thread_id": "thread"},
    "delete_for_runs": {"run_ids": ["run"]},
    "copy_thread": {"source_thread_id": "thread", "target_thread_id": "other"},
    "prune": {"thread_ids": ["thread"]},
    "get_delta_channel_history": {"config": CONFIG, "channels": ["messages"]},
}


@pytest.mark.parametrize("name", CALLS)
def test_an_async_method_leaves_the_event_loop_to_others(
    saver: DynamoDBSaver, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """The method waits for an event that only another task of the loop can set."""
    opened, waited = threading.Event(), []

    def wait(*_: Any, **__: Any) -> None:
        waited.append(opened.wait(10))

    def wait_for_the_first(*_: Any, **__: Any) -> Iterator[Any]:
        wait()
        yield from ()

    monkeypatch.setattr(saver, name, wait_for_the_first if name == "list" else wait)

    async def both() -> None:
        asyncio.get_running_loop().call_soon(opened.set)
        called = getattr(saver, f"a{name}")(**CALLS[name])
        _ = [found async for found in called] if name == "list" else await called

    asyncio.run(both())
    assert waited == [True]
