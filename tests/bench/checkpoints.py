"""Cost of checkpoints, side by side with the public DynamoDB savers: `python -m tests.bench.checkpoints`.

Each of those runs in a process and an environment of its own, see `peers`, on the same engine.
"""

import argparse
import json
import logging
import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

from tests.bench import own_results
from tests.bench.checkpoint_graphs import GRAPHS, PLAIN
from tests.bench.checkpoint_plot import save_plot
from tests.bench.checkpoint_report import graphs_table, requirements, savers_table
from tests.bench.conversation import Row
from tests.bench.peers import environments
from tests.bench.peers.savers import SAVERS
from tests.engines import start_engine

RESULTS = Path(__file__).parent / "checkpoints.json"


@dataclass(frozen=True)
class Extent:
    """Graphs, turns of this saver's long run, and most turns of the public savers in the plain chat and elsewhere."""

    graphs: tuple[str, ...] = tuple(GRAPHS)
    long: int = 5_000
    plain: int = 300
    others: int = 20


SMOKE = Extent((PLAIN,), 320, 20)


def public_results(endpoint: str, graph: str, extent: Extent) -> Row:
    """The public savers', one after the other; in graphs other than the plain chat, what a turn costs alone."""
    asked = {"async": extent.plain, "exit": min(extent.plain, 200)} if graph == PLAIN else {"async": extent.others}
    found: Row = {"turns": {"async": {}, "exit": {}}, "deletion": {}, "kept": {}}
    for saver in SAVERS:
        began = time.monotonic()
        result = environments.measured(saver, graph, asked, endpoint)
        for durability, rows in result["turns"].items():
            found["turns"][durability][saver] = rows
        for name in ("deletion", "kept"):
            found[name][saver] = result[name]
        print(f"  {graph}, {saver}: {time.monotonic() - began:.0f} s", flush=True)
    return found


def merged(graph: str, *parts: Row) -> Row:
    """One result of several that have some of the savers each; later ones prevail."""
    whole: Row = {"graph": graph, "turns": {"async": {}, "exit": {}}, "deletion": {}}
    for part in parts:
        for durability, rows in part.get("turns", {}).items():
            whole["turns"][durability] |= rows
        whole["deletion"] |= part.get("deletion", {})
        whole |= {name: part[name] for name in ("kept", "long") if name in part}
    return whole


def run(endpoint: str, extent: Extent, only: str | None, stored: Row) -> Row:
    """Both sides of the comparison at the same time, as it counts requests and no time."""
    jobs: dict[str, Callable[[str], Row]] = {
        "ours": lambda graph: own_results.results(own_results.Ours(endpoint), graph, extent.long),
        "public": lambda graph: public_results(endpoint, graph, extent),
    }
    asked = [job for name, job in jobs.items() if only in (None, name)]
    before = {result["graph"]: result for result in stored.get("graphs", [])}
    with ThreadPoolExecutor() as threads:
        kept = threads.submit(contracts, endpoint) if only != "ours" else None
        for graph in extent.graphs:
            parts = list(threads.map(lambda job, graph=graph: job(graph), asked))
            before[graph] = merged(graph, before.get(graph, {}), *parts)
    contract = kept.result() if kept else stored.get("contract", {})
    return {"contract": contract, "graphs": [before[name] for name in GRAPHS if name in before]}


def contracts(endpoint: str) -> Row:
    """The version of each public saver, and how much of LangGraph's contract it keeps."""
    module = "tests.bench.peers.contract"
    return {
        saver: {"version": environments.version(saver), **environments.answer(saver, endpoint, module, saver)}
        for saver in SAVERS
    }


def stored_as(found: Row) -> str:
    """JSON, a line per graph."""
    graphs = ",\n".join(json.dumps(result, separators=(",", ":")) for result in found["graphs"])
    return f'{{"contract": {json.dumps(found["contract"])}, "graphs": [\n{graphs}\n]}}\n'


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--engine", choices=["dynoxide", "dynamodb-local"], default="dynoxide")
    parser.add_argument("--graph", choices=GRAPHS, action="append", help="only this one; may be given more than once")
    parser.add_argument("--only", choices=["ours", "public"], help="measure these; what is stored of the others stays")
    parser.add_argument("--turns", type=int, default=Extent.long, help="length of the long run (default 5,000)")
    parser.add_argument("--smoke", action="store_true", help="the plain chat only, and a short one; stores nothing")
    options = parser.parse_args()
    os.environ |= {"AWS_ACCESS_KEY_ID": "local", "AWS_SECRET_ACCESS_KEY": "local", "AWS_DEFAULT_REGION": "us-east-1"}
    logging.getLogger("langgraph").setLevel(logging.ERROR)
    full = replace(Extent(), graphs=tuple(options.graph or GRAPHS), long=options.turns)
    stored = json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.exists() and not options.smoke else {}
    engine = start_engine(options.engine)
    found = run(engine.endpoint or "", SMOKE if options.smoke else full, options.only, stored)
    engine.end()
    print(f"\n{savers_table(found)}\n\n{graphs_table(found)}\n")
    if not options.smoke:
        RESULTS.write_text(stored_as(found), encoding="utf-8")
        save_plot(found["graphs"], RESULTS.with_suffix(".png"))
    missed = [line for line, holds in requirements(found["graphs"]) if not holds]
    print("\n".join(["missed:", *missed] if missed else ["all requirements hold"]))
    return 1 if missed else 0


if __name__ == "__main__":
    raise SystemExit(main())
