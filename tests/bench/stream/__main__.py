"""Cost of streams, side by side with other servers of the same model: `python -m tests.bench.stream`."""

import argparse
import json
import os
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import tests.conftest  # noqa: F401  (the environment, before anything of ours)
from tests.engines import start_engine

if __name__ == "__main__":  # the models read the endpoint when they are imported
    PARSER = argparse.ArgumentParser(description=__doc__)
    PARSER.add_argument("--smoke", action="store_true", help="few streams, once; the stored results stay as they are")
    OPTIONS = PARSER.parse_args()
    ENGINE = start_engine("dynoxide")
    os.environ["DYNAMODB_ENDPOINT"] = ENGINE.endpoint or ""
    os.environ["GRAPH"] = "tests.bench.stream.paced:build_graph"
    os.environ["POWERTOOLS_METRICS_DISABLED"] = "true"

from tests.bench.stream import load, report, servers, writes
from tests.client import STACK

RESULTS = Path(__file__).parent.parent / "stream.json"
STREAMS, TOKENS, SECONDS = {1: 15, 8: 5, 32: 3}, 400, 0.01
"""Rounds of each number of streams; tokens of an answer, and seconds between them."""
SMOKE_STREAMS, SMOKE_TOKENS = {1: 1, 8: 1}, 50
IDLE, IDLE_SECONDS = 200, 60
SMOKE_IDLE, SMOKE_IDLE_SECONDS = 20, 6
MINUTE, SMOKE_MINUTE = 60, 3


def speed(made: list[servers.Server], rounds: dict[int, int], tokens: int) -> dict[str, list[load.Row]]:
    """The rows of each server, whose rounds alternate."""
    found: dict[str, list[load.Row]] = {server.name: [] for server in made}
    for streams, times in rounds.items():
        listeners = [load.Listeners(server, streams) for server in made]
        for _ in range(times):
            for one in listeners:
                one.listen(tokens, SECONDS)
        for one in listeners:
            found[one.server.name].append(one.row())
            print(f"{one.server.name}: {one.row()}", flush=True)
    return found


def main(*, smoke: bool) -> None:
    with ExitStack() as stack:
        stack.callback(ENGINE.end)
        stack.enter_context(ENGINE.tables(STACK))
        made = [stack.enter_context(one) for one in servers.all_of_them()]
        rounds, tokens = (SMOKE_STREAMS, SMOKE_TOKENS) if smoke else (STREAMS, TOKENS)
        idle, seconds = (SMOKE_IDLE, SMOKE_IDLE_SECONDS) if smoke else (IDLE, IDLE_SECONDS)
        found: dict[str, Any] = {
            "speed": speed(made, rounds, tokens),
            "memory": {server.name: load.memory(server, idle, seconds) for server in made},
            "writes": writes.rows(ENGINE, SMOKE_MINUTE if smoke else MINUTE),
        }
    print("\n\n".join([*report.tables(found), f"A stored copy costs {report.writes(found)}."]))
    if smoke:  # a few tokens on a busy machine tell nothing of speed
        return
    RESULTS.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    if missed := report.over(found):
        raise SystemExit("\n".join(missed))


if __name__ == "__main__":
    main(smoke=OPTIONS.smoke)
