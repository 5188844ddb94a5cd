"""What bytecode saves of a cold start, in processor time: other work on a machine changes that least."""

from pathlib import Path

import pytest

from tests.bench.starts import FLOOR, IMPORTS, Start, measured, without_bytecode

RUNS = 7
MOST = 0.45
"""Of the CPU that the same sources take where each start compiles them."""


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return without_bytecode(tmp_path_factory.mktemp("build"))


@pytest.mark.parametrize("start", IMPORTS, ids=lambda start: start.name)
def test_a_start_with_bytecode_takes_less_than_half_the_cpu(start: Start, bare: Path) -> None:
    found = measured([FLOOR, start], bare, RUNS)  # noise only adds, so the least of the runs is nearest to the truth
    floor = min(found[FLOOR.name].shipped)
    shipped, compiled = min(found[start.name].shipped) - floor, min(found[start.name].compiled) - floor
    assert 0 < shipped <= MOST * compiled
