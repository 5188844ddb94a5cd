"""Rules about the environments of the public savers that the checkpoint benchmark compares."""

import tomllib
from collections.abc import Iterator

import pytest
from packaging.requirements import Requirement

from tests.bench.peers.environments import ROOT, distribution, version
from tests.bench.peers.savers import SAVERS

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
PACKAGES = sorted({distribution(saver) for saver in SAVERS})


def pins(path: str) -> Iterator[str]:
    lines = (ROOT / path).read_text(encoding="utf-8").splitlines()
    return (line.split()[0] for line in lines if "==" in line and not line.startswith(" "))


@pytest.mark.parametrize("package", PACKAGES)
def test_a_public_saver_is_measured_at_the_version_that_the_project_names(package: str) -> None:
    (line,) = PROJECT["dependency-groups"][package]
    assert str(Requirement(line).specifier) == f"=={version(package)}"


@pytest.mark.parametrize("package", PACKAGES)
def test_a_public_saver_runs_on_the_langgraph_that_ours_runs_on(package: str) -> None:
    theirs = set(pins(f"tests/bench/peers/{package}-requirements.txt"))
    ours = {pin for pin in pins("tests/requirements.txt") if pin.startswith(("langgraph==", "langgraph-checkpoint=="))}
    assert len(ours) == 2
    assert ours <= theirs


def test_the_makefile_prepares_an_environment_for_each_public_saver() -> None:
    (line,) = (one for one in (ROOT / "Makefile").read_text().splitlines() if one.startswith("PEERS :="))
    assert sorted(line.split()[2:]) == PACKAGES
