"""The benchmark's results as the manual shows them."""

from collections.abc import Iterator
from typing import Any

OURS, MODEL, GRAPH, LANGGRAPH = "Chatkeep", "bare app, model alone", "bare app, graph", "LangGraph's server"
RESUMABLE, CANCELLED = "continue", "cancel"
"""What becomes of a turn when its client leaves."""

MOST_FIRST_MS = 30
"""Of the time to the first token of one client, p50: the model says it at once, so all of it is ours."""
MOST_OVER_BARE = 1.5
"""Processor time per token over that of the bare app with the same graph, at one stream: a function on AWS has one."""


def tables(found: dict[str, Any]) -> list[str]:
    """The tables in Markdown."""
    return ["\n".join(_speed(found["speed"])), "\n".join(_memory(found["memory"]))]


def one_stream(found: dict[str, Any]) -> str:
    """What a function on AWS spends, which has one stream at a time, in words."""
    ours, bare = _at_one_stream(found)
    ratio = ours["cpu_us_per_token"] / bare["cpu_us_per_token"]
    return (
        f"{ours['first_p50_ms']:.0f} ms to the first token, and {ratio:.1f} times the processor time per token of the "
        "bare app with the graph"
    )


def writes(found: dict[str, Any]) -> str:
    """The capacity in words."""
    kept, none = found["writes"][RESUMABLE], found["writes"][CANCELLED]
    minutes = kept["seconds"] / 60
    more = (kept["wcu"] - none["wcu"]) / minutes
    return f"{more:.0f} WCU and {(kept['requests'] - none['requests']) / minutes:.0f} requests per streamed minute"


def over(found: dict[str, Any]) -> list[str]:
    """What misses its target, in words."""
    ours, bare = _at_one_stream(found)
    ratio = ours["cpu_us_per_token"] / bare["cpu_us_per_token"]
    missed = []
    if ours["first_p50_ms"] > MOST_FIRST_MS:
        missed.append(f"first token after {ours['first_p50_ms']} ms, over {MOST_FIRST_MS}")
    if ratio > MOST_OVER_BARE:
        missed.append(f"{ratio:.2f} times the bare app's processor time per token, over {MOST_OVER_BARE}")
    return missed


def _at_one_stream(found: dict[str, Any]) -> list[dict[str, Any]]:
    return [one for name in (OURS, GRAPH) for one in found["speed"][name] if one["streams"] == 1]


def _speed(speed: dict[str, list[dict[str, Any]]]) -> Iterator[str]:
    yield "| streams | | first token, ms: p50; p95 | between tokens, ms: p50; p99 | CPU per answer, ms | token, µs |"
    yield "|---:|---|---:|---:|---:|---:|"
    names = [name for name in (OURS, LANGGRAPH, GRAPH, MODEL) if name in speed]
    for at, first in enumerate(speed[OURS]):
        for name in names:
            row = speed[name][at]
            streams = f"{first['streams']}" if name == OURS else ""
            firsts = f"{row['first_p50_ms']:,.0f}; {row['first_p95_ms']:,.0f}"
            between = f"{row['between_p50_ms']:.1f}; {row['between_p99_ms']:.1f}"
            cpu = f"{row['cpu_ms_per_answer']:.0f} | {row['cpu_us_per_token']}"
            yield f"| {streams} | {name} | {firsts} | {between} | {cpu} |"


def _memory(memory: dict[str, dict[str, Any]]) -> Iterator[str]:
    streams = next(iter(memory.values()))["streams"]
    yield f"| {streams} idle streams | before, MB | when they have begun | 15 s later | 30 s later |"
    yield "|---|---:|---:|---:|---:|"
    for name, row in memory.items():
        megabytes = " | ".join(f"{row[f'{at}_mb']:.0f}" for at in ("before", "begun", "middle", "idle"))
        yield f"| {name} | {megabytes} |"
