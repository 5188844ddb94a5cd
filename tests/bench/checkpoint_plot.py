"""The checkpoint benchmark's picture: WCU per turn of the plain chat, of every saver."""

from pathlib import Path
from typing import Any

from tests.bench.checkpoint_graphs import PLAIN
from tests.bench.checkpoint_report import OURS
from tests.bench.conversation import Row
from tests.bench.peers.savers import SAVERS

COLOURS = dict(
    zip([OURS, *SAVERS], ("tab:blue", "tab:red", "tab:orange", "tab:purple", "tab:green", "tab:brown"), strict=True)
)


def save_plot(results: list[Row], path: Path) -> None:
    """A cross marks the last turn of a thread that its saver cannot store any more."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    (result,) = (result for result in results if result["graph"] == PLAIN)
    figure, axis = plt.subplots(figsize=(7.5, 4.2))
    for saver, colour in COLOURS.items():
        _draw(axis, result["turns"]["async"][saver], colour, saver)
    long = result["long"]
    last = range(long["last_turn"] - len(long["last"]) + 1, long["last_turn"] + 1)
    axis.plot(last, long["last"], color=COLOURS[OURS], lw=1.2)
    axis.set(xlabel="turn", xscale="log", yscale="log", ylabel='WCU per turn, durability "async"')
    axis.grid(visible=True, alpha=0.3)
    axis.legend(loc="upper left", fontsize=8)
    figure.tight_layout()
    figure.savefig(path, dpi=110)


def _draw(axis: Any, rows: list[Row], colour: str, saver: str) -> None:
    alive = [row for row in rows if "wcu" in row]
    axis.plot([row["turn"] for row in alive], [row["wcu"] for row in alive], color=colour, label=saver, lw=1.2)
    if len(alive) < len(rows):
        axis.plot(alive[-1]["turn"], alive[-1]["wcu"], "x", color=colour)
