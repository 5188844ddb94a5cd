"""The benchmark's results as the manual shows them."""

from collections.abc import Iterator
from typing import Any

from tests.bench.stream.servers import GRAPH, LANGGRAPH, MODEL, OURS
from tests.bench.stream.writes import CANCELLED, RESUMABLE

MOST_FIRST_MS = 30
"""Of the time to the first token of one client, p50: the model says it at once, so all of it is ours."""
MOST_OVER_BARE = 1.5
"""Processor time per token over that of the bare app with the same graph, at one stream: a function on AWS has one."""


def tables(found: dict[str, Any]) -> list[str]:
    """The tables in Markdown."""
    return ["\n".join(_speed(found["speed"])), "\n".join(_memory(found["memory"]))]


def writes(found: dict[str, Any]) -> str:
    """The capacity in words."""
    kept, none = found["writes"][RESUMABLE], found["writes"][CANCELLED]
    minutes = kept["seconds"] / 60
    more = (kept["wcu"] - none["wcu"]) / minutes
    return f"{more:.0f} WCU and {(kept['requests'] - none['requests']) / minutes:.0f} requests per streamed minute"


def over(found: dict[str, Any]) -> list[str]:
    """What misses its target, in words."""
    (ours,) = (one for one in found["speed"][OURS] if one["streams"] == 1)
    (bare,) = (one for one in found["speed"][GRAPH] if one["streams"] == 1)
    ratio = ours["cpu_us_per_token"] / bare["cpu_us_per_token"]
    missed = []
    if ours["first_p50_ms"] > MOST_FIRST_MS:
        missed.append(f"first token after {ours['first_p50_ms']} ms, over {MOST_FIRST_MS}")
    if ratio > MOST_OVER_BARE:
        missed.append(f"{ratio:.2f} times the bare app's processor time per token, over {MOST_OVER_BARE}")
    return missed


def _speed(speed: dict[str, list[dict[str, Any]]]) -> Iterator[str]:
    yield "| streams | | first token, ms: p50, p95 | between tokens, ms: p50, p99 | CPU per answer, ms | token, µs |"
    yield "|---:|---|---:|---:|---:|---:|"
    names = [name for name in (OURS, LANGGRAPH, GRAPH, MODEL) if name in speed]
    for at, first in enumerate(speed[OURS]):
        for name in names:
            row = speed[name][at]
            streams = f"{first['streams']}" if name == OURS else ""
            firsts = f"{row['first_p50_ms']:.0f}, {row['first_p95_ms']:.0f}"
            between = f"{row['between_p50_ms']:.1f}, {row['between_p99_ms']:.1f}"
            cpu = f"{row['cpu_ms_per_answer']:.0f} | {row['cpu_us_per_token']}"
            yield f"| {streams} | {name} | {firsts} | {between} | {cpu} |"


def _memory(memory: dict[str, dict[str, Any]]) -> Iterator[str]:
    yield "| idle streams | before, MB | streams begun | idle | MB per stream |"
    yield "|---|---:|---:|---:|---:|"
    for name, row in memory.items():
        each = (row["begun_mb"] - row["before_mb"]) / row["streams"]
        yield f"| {name} | {row['before_mb']:.0f} | {row['begun_mb']:.0f} | {row['idle_mb']:.0f} | {each:.2f} |"
