"""The saving of bytecode at a cold start, in processor time, which other work on the machine changes least."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.bench.starts import FLOOR, IMPORTS, Seconds, Start, measure, without_bytecode

LEAST_RUNS, MOST_RUNS = 3, 9
MOST = 0.45
"""Of the CPU that the same sources take where each start compiles them."""


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return without_bytecode(tmp_path_factory.mktemp("build"))


@pytest.mark.parametrize("start", IMPORTS, ids=lambda start: start.name)
def test_a_start_with_bytecode_takes_less_than_half_the_cpu(start: Start, bare: Path) -> None:
    found = {FLOOR.name: Seconds(), start.name: Seconds()}
    for _ in range(LEAST_RUNS):
        measure([FLOOR, start], bare, found)
    while _ratio(found, start) > MOST and len(found[start.name].shipped) < MOST_RUNS:
        measure([FLOOR, start], bare, found)
    assert 0 < _ratio(found, start) <= MOST


def _ratio(found: Mapping[str, Seconds], start: Start) -> float:
    """Noise only adds, so the least of the runs is nearest to the truth."""
    floor = min(found[FLOOR.name].shipped)
    return (min(found[start.name].shipped) - floor) / (min(found[start.name].compiled) - floor)
