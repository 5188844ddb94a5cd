"""How much of LangGraph's contract a public saver keeps: `python -m tests.bench.peers.contract`, in its environment.

Prints the result as the last line, in JSON: the tests of LangGraph's conformance suite that pass, and the outcome of a
call of each method on a thread of two turns, "ok" or the name of the error.
"""

import argparse
import asyncio
import json
import logging
import os
from collections.abc import AsyncIterator, Callable
from typing import Any

from langgraph.checkpoint.conformance import checkpointer_test, validate

from tests.bench.checkpoint_graphs import plain, subgraph
from tests.bench.conversation import Thread
from tests.bench.peers.savers import SAVERS


def conformance(make: Callable[[], Any]) -> dict[str, int]:
    """Tests that pass and that fail. A capability whose methods are not there has none."""

    @checkpointer_test(name="saver")
    async def saver() -> AsyncIterator[Any]:
        yield make()

    results = asyncio.run(validate(saver)).results.values()
    return {
        "passed": sum(result.tests_passed for result in results),
        "failed": sum(result.tests_failed for result in results),
        "missing": sum(not result.detected for result in results),
    }


def outcome(call: Callable[[], Any]) -> str:
    try:
        call()
    except Exception as error:
        return type(error).__name__
    return "ok"


def calls(make: Callable[[], tuple[Any, Any]]) -> dict[str, str]:
    saver, meter = make()
    thread = Thread(plain(saver), meter, "async")
    for _ in range(2):
        thread.turn_unmeasured()
    name = thread.config["configurable"]["thread_id"]
    nested = Thread(subgraph(saver), meter, "async")
    asked = {"messages": [("user", "Hello")]}
    return {
        "invoke": outcome(thread.turn_unmeasured),
        "ainvoke": outcome(lambda: asyncio.run(thread.graph.ainvoke(asked, thread.config))),
        "a subgraph": outcome(nested.turn_unmeasured),
        "list": outcome(lambda: list(saver.list(thread.config))),
        "copy_thread": outcome(lambda: saver.copy_thread(name, f"{name}-copy")),
        "prune": outcome(lambda: saver.prune([name])),
        "delete_for_runs": outcome(lambda: saver.delete_for_runs(["a-run"])),
        "delete_thread": outcome(lambda: saver.delete_thread(name)),
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("saver", choices=SAVERS)
    make_saver, endpoint = SAVERS[parser.parse_args().saver], os.environ["AWS_ENDPOINT_URL_DYNAMODB"]
    logging.disable(logging.ERROR)
    found = {"calls": calls(lambda: make_saver(endpoint)), "conformance": conformance(lambda: make_saver(endpoint)[0])}
    print(json.dumps(found))
