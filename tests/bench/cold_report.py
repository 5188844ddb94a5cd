"""The results of a benchmark of cold starts, as the tables of infra/docs/operating.md."""

from collections.abc import Mapping
from typing import Any

STARTS = "| CPU seconds of a start | without bytecode | with it | ratio |"
SIZES = "| unzipped | as installed | trimmed | trimmed, with bytecode |"
RULE = "|---|---|---|---|"


def markdown(found: Mapping[str, Any]) -> str:
    """Both tables. Starts are above the floor, the first row, which is the same in both columns."""
    starts = [_start(name, **row) for name, row in found["cpu_seconds"].items()]
    sizes = [
        f"| {part} | {row['installed']:.1f} MB | {row['sources']:.1f} MB | {row['shipped']:.1f} MB |"
        for part, row in found["megabytes"].items()
    ]
    return "\n".join([STARTS, RULE, *starts, "", SIZES, RULE, *sizes])


def _start(name: str, compiled: float, shipped: float) -> str:
    return f"| {name} | {compiled:.2f} | {shipped:.2f} | {shipped / compiled:.2f} |"
