"""The costs in the manuals are the results of the benchmarks."""

import json
from pathlib import Path

import pytest

from tests.bench import checkpoint_report, cold_report, context_report, turn_cpu
from tests.bench.console import report as console_report
from tests.bench.stream import report as stream_report

ROOT = Path(__file__).parents[2]
LAYER = ROOT / "layers" / "shared" / "chatkeep"
README = (ROOT / "README.md").read_text(encoding="utf-8")
TURNS = (LAYER / "turns" / "README.md").read_text(encoding="utf-8")
CHECKPOINTER = (LAYER / "checkpointer" / "README.md").read_text(encoding="utf-8")
STREAMS = (ROOT / "functions" / "stream" / "README.md").read_text(encoding="utf-8")
OPERATING = (ROOT / "infra" / "docs" / "operating.md").read_text(encoding="utf-8")


def test_the_costs_of_checkpoints_are_those_of_the_benchmark() -> None:
    found = json.loads((ROOT / "tests/bench/checkpoints.json").read_text())
    assert checkpoint_report.savers_table(found) in CHECKPOINTER
    assert checkpoint_report.graphs_table(found) in CHECKPOINTER
    assert [line for line, holds in checkpoint_report.requirements(found["graphs"]) if not holds] == []


def test_the_readme_has_some_of_the_rows_on_checkpoints() -> None:
    found = json.loads((ROOT / "tests/bench/checkpoints.json").read_text())
    head, rule, *rows = checkpoint_report.savers_table(found).splitlines()
    shown = README.split(f"\n{head}\n{rule}\n", 1)[1].split("\n\n", 1)[0].splitlines()
    assert len(shown) >= 3
    assert set(shown) <= set(rows)


@pytest.mark.parametrize("manual", [README, TURNS], ids=["README", "turns"])
def test_the_costs_of_turns_are_those_of_the_benchmark(manual: str) -> None:
    found = json.loads((ROOT / "tests/bench/turns.json").read_text())
    rows = {row["turn"]: row for row in found["ours"]}
    theirs = {row["turn"]: row for row in found["baseline"]}
    for turn in (2, 100, 1_000):
        warm, new = rows[turn], rows[turn + 2]
        ours = f"{warm['requests']} ({new['requests']}) | {warm['wcu']:g} | {warm['rcu']:g} ({new['rcu']:g})"
        peer = theirs.get(turn)
        baseline = f"{peer['requests']} | {peer['wcu']:g} | {peer['rcu']:g} |" if peer else "fails for good"
        assert f"| {turn:,} | {ours} | {baseline}" in manual


def test_the_processor_time_of_turns_has_grown_with_langgraph_alone() -> None:
    found = json.loads((ROOT / "tests/bench/turns.json").read_text())["processor_time"]
    assert [row["turn"] for row in found["after"]] == list(turn_cpu.MEASURED)
    assert turn_cpu.over(found["after"]) == []
    assert turn_cpu.over(found["before"])  # else the rule would tell nothing
    assert turn_cpu.markdown(found) in TURNS


def test_the_costs_of_starts_are_those_of_the_benchmark() -> None:
    found = json.loads((ROOT / "tests/bench/cold.json").read_text())
    assert cold_report.markdown(found) in OPERATING


def test_the_costs_of_streams_are_those_of_the_benchmark_and_within_their_targets() -> None:
    found = json.loads((ROOT / "tests/bench/stream.json").read_text())
    assert [table for table in stream_report.tables(found) if table not in STREAMS] == []
    assert stream_report.one_stream(found) in " ".join(STREAMS.split())
    assert stream_report.writes(found) in STREAMS
    assert stream_report.over(found) == []


def test_the_costs_of_summaries_are_those_of_the_benchmark_and_within_their_targets() -> None:
    found = json.loads((ROOT / "tests/bench/context.json").read_text())
    assert context_report.table(found) in (LAYER / "agent" / "README.md").read_text(encoding="utf-8")
    assert context_report.over(found) == []


def test_the_costs_of_the_console_are_those_of_the_benchmark_and_within_their_targets() -> None:
    found = json.loads((ROOT / "tests/bench/console.json").read_text())
    assert console_report.table(found) in (ROOT / "infra" / "console" / "README.md").read_text(encoding="utf-8")
    assert console_report.over(found) == []
