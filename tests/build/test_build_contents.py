"""The contents of the deployed build and of the one for this machine: binaries for one processor, and bytecode."""

import os
import subprocess
from pathlib import Path

import pytest

from infra.artifacts.finish import IN_LAMBDA
from infra.artifacts.left_out import RULES, is_required, named
from infra.build import BUILT, HOST_ARCHITECTURE, HOST_BUILT
from infra.local.intrinsics import load
from tests.build.built import FUNCTIONS, PYTHON, ROOT

LAYERS = {"shared": "SharedLayer", "chat": "ChatLayer", "tracing": "TracingLayer"}
HOLDS = {"shared": "boto3", "chat": "langgraph", "tracing": "opentelemetry"}
PARTS = [*FUNCTIONS, *LAYERS.values()]
MACHINES = {b"\x3e\x00": "x86_64", b"\xb7\x00": "arm64"}
"""e_machine of an ELF file's header: https://refspecs.linuxfoundation.org/elf/gabi4+/ch4.eheader.html"""
BUILDS = pytest.mark.parametrize("build", [BUILT, HOST_BUILT], ids=["deployed", "host"])


def files(part: Path) -> dict[str, bytes]:
    return {str(file.relative_to(part)): file.read_bytes() for file in part.rglob("*") if file.is_file()}


def architectures(build: Path) -> set[str]:
    """The processors that the built template names for its layers."""
    built = load(build / "template.yaml")["Resources"]
    return {built[layer]["Metadata"]["BuildArchitecture"] for layer in LAYERS.values()}


def binaries(build: Path) -> dict[str, str]:
    """The processor that each ELF file of the build is for."""
    return {
        f"{part}/{name}": MACHINES.get(content[18:20], "another")
        for part in PARTS
        for name, content in files(build / part).items()
        if content.startswith(b"\x7fELF")
    }


@BUILDS
def test_every_binary_is_for_the_processor_that_the_build_is_for(build: Path) -> None:
    found = binaries(build)
    assert len(found) > 10
    (architecture,) = architectures(build)
    assert {name: machine for name, machine in found.items() if machine != architecture} == {}


def test_the_build_that_the_tests_run_is_for_this_machine() -> None:
    assert architectures(HOST_BUILT) == {HOST_ARCHITECTURE}


def own_modules(build: Path) -> dict[str, bytes]:
    """The project's own, with their bytecode."""
    folders = [build / function for function in FUNCTIONS] + [build / "SharedLayer" / "python" / "chatkeep"]
    return {f"{part.name}/{name}": content for part in folders for name, content in files(part).items()}


def test_both_builds_have_the_same_modules_of_the_project() -> None:
    assert own_modules(BUILT) == own_modules(HOST_BUILT)


@BUILDS
@pytest.mark.parametrize("part", PARTS)
def test_every_module_has_bytecode_that_lambdas_python_takes_as_it_is(build: Path, part: str) -> None:
    in_lambda = IN_LAMBDA["layer" if part in LAYERS.values() else "function"]
    check = [PYTHON, "-m", "tests.build.bytecode", build / part, in_lambda]
    assert subprocess.run(check, cwd=ROOT, capture_output=True, text=True, check=True).stdout == ""


@BUILDS
@pytest.mark.parametrize("layer", LAYERS)
def test_a_layer_has_nothing_that_its_rules_leave_out(build: Path, layer: str) -> None:
    python = build / LAYERS[layer] / "python"
    kept = named(ROOT)
    gone = [rule for rule in RULES[layer] if not (rule.package in kept or is_required(rule, python))]
    assert [path for rule in gone for pattern in rule.patterns for path in python.glob(pattern)] == []
    assert (python / HOLDS[layer]).is_dir()


@pytest.mark.parametrize("part", PARTS)
def test_the_same_sources_make_the_same_bytes(part: str, tmp_path: Path) -> None:
    recipes = ROOT / "infra" / "artifacts" / HOST_ARCHITECTURE / "Makefile"
    environment = {**os.environ, "ARTIFACTS_DIR": str(tmp_path), "PATH": f"{Path(PYTHON).parent}:{os.environ['PATH']}"}
    make = ["make", "--makefile", recipes, f"build-{part}", "ARCHITECTURE=of-another-make"]
    subprocess.run(make, cwd=ROOT, env=environment, check=True)
    assert files(tmp_path) == files(HOST_BUILT / part)
