"""The checkpoint benchmark's tables, and whether what is required of this saver holds."""

from collections.abc import Callable, Iterator
from statistics import mean

from tests.bench.checkpoint_graphs import PLAIN
from tests.bench.conversation import DELETED_TURNS, Row

OURS, CACHED = "ours", "ours, with a cache"
ONE_NODE = (PLAIN, "DeltaChannel")
CONFORMANCE_TESTS = 81
UNITS = (("requests", "requests"), ("wcu", "WCU"), ("rcu", "RCU"))
OTHER_GRAPHS = {
    "DeltaChannel": ("requests", "requests"),
    "agent, two tool calls": ("wcu", "WCU"),
    "subgraph": ("wcu", "WCU"),
}
"""The unit in which the savers differ most: public ones read a DeltaChannel's history checkpoint by checkpoint."""


def savers_table(found: Row) -> str:
    """A column per saver; the best figure of a row is bold, unless all are the same."""
    graphs = {result["graph"]: result for result in found["graphs"]}
    savers = [saver for saver in graphs[PLAIN]["turns"]["async"] if saver != CACHED]
    rows = [["", *(f"{saver} {found['contract'].get(saver, {}).get('version', '')}".strip() for saver in savers)]]
    rows.append(["---", *("---:" for _ in savers)])
    rows.append(["conformance tests passed", *_marked([_passed(found, saver) for saver in savers], max)])
    for turn, units in ((2, UNITS), (200, UNITS)):
        for unit, name in units:
            cells = [_at(graphs[PLAIN]["turns"]["async"].get(saver, []), turn, unit) for saver in savers]
            rows.append([f"{name} at turn {turn}", *_marked(cells, min)])
    cells = [_at(graphs[PLAIN]["turns"]["exit"].get(saver, []), 200, "wcu") for saver in savers]
    rows.append(['WCU at turn 200, durability "exit"', *_marked(cells, min)])
    rows.append(["last turn", *(_end(graphs[PLAIN], saver) for saver in savers)])
    for graph, (unit, name) in OTHER_GRAPHS.items():
        if graph in graphs:
            cells = [_at(graphs[graph]["turns"]["async"].get(saver, []), 20, unit) for saver in savers]
            rows.append([f"{name} at turn 20, {graph}", *_marked(cells, min)])
    deleted = [_deleted(graphs[PLAIN]["deletion"].get(saver) or {}) for saver in savers]
    rows.append([f"requests to delete {DELETED_TURNS} turns", *_marked(deleted, min)])
    return _table(rows)


def graphs_table(found: Row) -> str:
    """A column per graph, of this saver alone; in brackets, with its cache."""
    results = found["graphs"]
    rows = [["", *(result["graph"] for result in results)], ["---", *("---:" for _ in results)]]
    for durability in ("async", "exit"):
        for unit, name in UNITS:
            turns = [result["turns"][durability] for result in results]
            figures = (f"{_at(one[OURS], 200, unit)} ({_at(one[CACHED], 200, unit)})" for one in turns)
            rows.append([f'{name} at turn 200, durability "{durability}"', *figures])
    rows.append(['WCU per turn, 11 to 110 and the last 100 of 5,000, "async"', *(_windows(r["long"]) for r in results)])
    loads = [result["long"]["load"] for result in results]
    rows.append(["read requests to load turn 1,000", *(f"{x['reads']} ({x['state'] / 1e6:.1f} MB)" for x in loads)])
    rows.append(["bytes read over bytes of state there", *(f"{x['read_over_state']:.2f}" for x in loads)])
    deleted = (str(result["deletion"][OURS]["requests"]) for result in results)
    rows.append([f"requests to delete {DELETED_TURNS} turns", *deleted])
    return _table(rows)


def _table(rows: list[list[str]]) -> str:
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _at(rows: list[Row], turn: int, unit: str) -> str:
    found = [row[unit] for row in rows if row["turn"] == turn and unit in row]
    if found:
        return f"{found[0]:,g}"
    if not rows or "error" not in rows[-1]:
        return "not run"
    return f"dead at {rows[-1]['turn']}" if rows[-1]["turn"] > 1 else str(rows[-1]["error"])


def _passed(found: Row, saver: str) -> str:
    return str(CONFORMANCE_TESTS if saver == OURS else found["contract"][saver]["conformance"]["passed"])


def _end(result: Row, saver: str) -> str:
    """The turn at which the plain chat fails for good, or the messages that are left of it."""
    last = result["turns"]["async"][saver][-1]
    if "error" in last:
        return f"{last['turn'] - 1}"
    kept = result.get("kept", {}).get(saver)
    dropped = kept and kept["messages"] < 2 * kept["turns"]
    return f"none: {kept['messages']} of {2 * kept['turns']} messages kept" if dropped else "none"


def _deleted(row: Row) -> str:
    return row["error"] if "error" in row else str(row.get("requests", "not run"))


def _marked(cells: list[str], best: Callable[[list[float]], float]) -> list[str]:
    """Bold where it is the best."""
    figures = {cell: float(cell.replace(",", "")) for cell in cells if cell[0].isdigit()}
    if len(set(figures.values())) < 2:
        return cells
    return [f"**{cell}**" if figures.get(cell) == best(list(figures.values())) else cell for cell in cells]


def _windows(long: Row) -> str:
    return f"{mean(long['first']):.1f}, {mean(long['last']):.1f}"


def requirements(results: list[Row]) -> Iterator[tuple[str, bool]]:
    """Each requirement and whether it holds.

    A graph with more steps a turn has more checkpoints and writes of tasks, each of which is an item and a request of
    its own: what a turn and a deletion may cost in all is required of the graphs of one node.
    """
    for result in results:
        name, long = result["graph"], result["long"]
        turn_200 = {d: result["turns"][d][OURS][199] for d in ("async", "exit")}
        warm = result["turns"]["async"][CACHED]
        yield f"{name}: mean WCU of the last turns over that of the first ≤ 1.25", long["ratio"] <= 1.25
        yield f"{name}: bytes read over bytes of state ≤ 1.2", long["load"]["read_over_state"] <= 1.2
        yield f"{name}: read requests to load turn 1,000 ≤ 3", long["load"]["reads"] <= 3
        # A DeltaChannel has its history read since the last snapshot, which turn 100 and turn 200 take.
        flat = warm[199]["rcu"] <= 1.25 * warm[99]["rcu"]
        yield f"{name}: RCU at turn 200 over that at turn 100, with a cache ≤ 1.25", flat
        yield f"{name}: WCU at turn 200, exit ≤ 5", turn_200["exit"]["wcu"] <= 5
        if name in ONE_NODE:
            yield f"{name}: requests at turn 200, async ≤ 8", turn_200["async"]["requests"] <= 8
            yield f"{name}: WCU at turn 200, async ≤ 12", turn_200["async"]["wcu"] <= 12
            yield f"{name}: requests to delete 100 turns ≤ 30", result["deletion"][OURS]["requests"] <= 30
