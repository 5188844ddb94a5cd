"""What the checkpoint benchmark found: a table, a plot, and whether what is required holds."""

from collections.abc import Iterator
from pathlib import Path
from statistics import mean
from typing import Any

Result = dict[str, Any]
OURS, CACHED, PEER = "ours", "ours, with a cache", "langgraph-checkpoint-aws"
ONE_NODE = ("MessagesState", "DeltaChannel")


def print_table(results: list[Result]) -> None:
    for result in results:
        print(f"\n{result['graph']}")
        print(f"  {'':46} {PEER:>26} {OURS:>12} {CACHED:>18}")
        for label, theirs, ours, cached in _lines(result):
            print(f"  {label:46} {theirs:>26} {ours:>12} {cached:>18}")


def _lines(result: Result) -> Iterator[tuple[str, str, str, str]]:
    for durability in ("async", "exit"):
        turns = result["turns"][durability]
        for unit in ("requests", "wcu", "rcu"):
            theirs, ours, cached = (_at(turns[saver], 200, unit) for saver in (PEER, OURS, CACHED))
            yield f"{unit} at turn 200, {durability}", theirs, ours, cached
        last = turns[PEER][-1]
        if "error" in last:
            yield f"the conversation ends, {durability}", f"turn {last['turn']}: {last['error']}", "-", "-"
    long = result["long"]
    yield "mean WCU, turns 11 to 110, async", "", f"{mean(long['first']):.2f}", ""
    yield f"mean WCU, last 100 of {long['last_turn']} turns, async", "", f"{mean(long['last']):.2f}", ""
    yield "the latter over the former", "", f"{long['ratio']:.2f}", ""
    loaded = long["load"]
    yield f"read requests to load turn {loaded['turn']}", "", str(loaded["reads"]), ""
    yield f"bytes of state at turn {loaded['turn']}", "", f"{loaded['state']:,}", ""
    yield "bytes read over bytes of state", "", f"{loaded['read_over_state']:.2f}", ""
    deleted = result["deletion"]
    yield "requests to delete 100 turns", str(deleted[PEER]["requests"]), str(deleted[OURS]["requests"]), ""


def _at(rows: list[Result], turn: int, unit: str) -> str:
    found = [row[unit] for row in rows if row["turn"] == turn and unit in row]
    return f"{found[0]:,g}" if found else "dead" if "error" in rows[-1] else "not run"


def markdown(results: list[Result]) -> str:
    """The table of the checkpointer's manual, some rows of which the README has too."""
    head = ["", *(result["graph"] for result in results)]
    rows = [head, ["---", *("---:" for _ in results)]]
    for durability in ("async", "exit"):
        for unit, name in (("requests", "requests"), ("wcu", "WCU"), ("rcu", "RCU")):
            label = f'{name} at turn 200, durability "{durability}"'
            rows.append([label, *(_figures(result["turns"][durability], unit) for result in results)])
    rows.append(['WCU a turn, 11 to 110 and 4,901 to 5,000, "async"', *(_windows(r["long"]) for r in results)])
    rows.append(["the latter over the former", *(f"{result['long']['ratio']:.2f}" for result in results)])
    loads = [result["long"]["load"] for result in results]
    rows.append(["read requests to load turn 1,000", *(f"{x['reads']} ({x['state'] / 1e6:.1f} MB)" for x in loads)])
    rows.append(["bytes read over bytes of state there", *(f"{x['read_over_state']:.2f}" for x in loads)])
    deleted = [result["deletion"] for result in results]
    rows.append(
        ["requests to delete 100 turns", *(f"{x[PEER]['requests']} → **{x[OURS]['requests']}**" for x in deleted)]
    )
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _figures(turns: dict[str, list[Result]], unit: str) -> str:
    """Of turn 200: the peer → this saver (this saver with a cache)."""
    last = turns[PEER][-1]
    theirs = f"dead at {last['turn']}" if "error" in last and last["turn"] <= 200 else _at(turns[PEER], 200, unit)
    return f"{theirs} → **{_at(turns[OURS], 200, unit)}** ({_at(turns[CACHED], 200, unit)})"


def _windows(long: Result) -> str:
    return f"{mean(long['first']):.1f}, {mean(long['last']):.1f}"


def requirements(results: list[Result]) -> Iterator[tuple[str, bool]]:
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


def save_plot(results: list[Result], path: Path) -> None:
    """WCU a turn over turns, of both savers."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(1, len(results), figsize=(4.2 * len(results), 3.6), sharey=True, squeeze=False)
    for axis, result in zip(axes[0], results, strict=True):
        for saver, colour in ((PEER, "tab:red"), (OURS, "tab:blue")):
            rows = [row for row in result["turns"]["async"][saver] if "wcu" in row]
            axis.plot([row["turn"] for row in rows], [row["wcu"] for row in rows], color=colour, label=saver, lw=1)
            if len(rows) < len(result["turns"]["async"][saver]):
                axis.plot(rows[-1]["turn"], rows[-1]["wcu"], "x", color=colour)
        long = result["long"]
        last = range(long["last_turn"] - len(long["last"]) + 1, long["last_turn"] + 1)
        axis.plot(last, long["last"], color="tab:blue", lw=1)
        axis.set(title=result["graph"], xlabel="turn", xscale="log", yscale="log")
        axis.grid(visible=True, alpha=0.3)
    axes[0][0].set_ylabel("WCU a turn, durability async")
    axes[0][0].legend(loc="upper left", fontsize=8)
    figure.tight_layout()
    figure.savefig(path, dpi=110)
