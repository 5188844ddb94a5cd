"""The build's own decisions: which Python it takes, and which builds it refuses."""

import os
import platform
import sys
import tomllib
from pathlib import Path

import pytest

from infra import build
from infra.build import MOST_BYTES, find_python, refuse_others, report, sizes
from infra.local.intrinsics import load
from tests.client import STACK

TEMPLATE = """
Globals: {Function: {Layers: [{Ref: SharedLayer}, !If [Traces, !Ref TracingLayer, !Ref AWS::NoValue]]}}
Resources:
  SharedLayer: {Type: "AWS::Serverless::LayerVersion"}
  ChatLayer: {Type: "AWS::Serverless::LayerVersion"}
  TracingLayer: {Type: "AWS::Serverless::LayerVersion"}
  ChatFunction:
    Type: AWS::Serverless::Function
    Properties: {Layers: [!Ref ChatLayer, !If [Has, !Ref OfAnotherAccount, "an ARN"]]}
  StatsFunction: {Type: "AWS::Serverless::Function", Properties: {}}
"""


def executable(path: Path, text: str) -> Path:
    path.write_text(f"#!/bin/sh\n{text}\n", encoding="utf-8")
    path.chmod(0o755)
    return path


def test_a_function_weighs_what_it_and_each_of_its_layers_weigh(tmp_path: Path) -> None:
    for number, part in enumerate(["SharedLayer", "ChatLayer", "ChatFunction", "StatsFunction", "TracingLayer"]):
        (tmp_path / part / "python").mkdir(parents=True)
        (tmp_path / part / "python" / "code.py").write_bytes(b"x" * 10**number)
    (tmp_path / "template.yaml").write_text(TEMPLATE, encoding="utf-8")
    assert dict(sizes(tmp_path / "template.yaml")) == {
        "ChatFunction": {"ChatFunction": 100, "SharedLayer": 1, "TracingLayer": 10_000, "ChatLayer": 10},
        "StatsFunction": {"StatsFunction": 1000, "SharedLayer": 1, "TracingLayer": 10_000},
    }


@pytest.mark.parametrize(("size", "status"), [(MOST_BYTES - 1, 0), (MOST_BYTES, 1)])
def test_a_function_over_lambdas_limit_fails_the_build(size: int, status: int) -> None:
    assert report({"ChatFunction": {"ChatFunction": 1, "ChatLayer": size}}) == status


def test_a_python_that_says_it_is_3_13_is_taken(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    fake = executable(tmp_path / "python3.13", f"echo {tmp_path}/real/python3.13")
    monkeypatch.setenv("PYTHON_3_13", str(fake))
    assert find_python() == tmp_path / "real" / "python3.13"


def test_a_shim_that_fails_is_passed_over_for_the_next(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    executable(tmp_path / "python3.13", "echo 'pyenv: python3.13: command not found' >&2; exit 127")
    installed = tmp_path / "versions" / "3.13.1" / "bin"
    installed.mkdir(parents=True)
    real = executable(installed / "python3.13", f"echo {installed}/python3.13")
    monkeypatch.delenv("PYTHON_3_13", raising=False)
    monkeypatch.setattr(sys, "executable", str(tmp_path / "not-there"))
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}/usr/bin{os.pathsep}/bin")
    monkeypatch.setenv("PYENV_ROOT", str(tmp_path))
    assert find_python() == real


@pytest.mark.parametrize("name", ["/nowhere/python3.13", sys.executable if sys.version_info[:2] != (3, 13) else "sh"])
def test_what_is_not_python_3_13_is_not_taken(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv("PYTHON_3_13", name)
    assert find_python() is None


def test_what_was_built_for_one_processor_is_deployed_for_no_other(tmp_path: Path) -> None:
    template = tmp_path / "template.yaml"
    template.write_bytes(STACK.path.read_bytes())
    refuse_others("x86_64", template)
    before, after = load(STACK.path), load(template)
    assert after["Parameters"].pop("Architecture")["AllowedValues"] == ["x86_64"]
    assert before["Parameters"].pop("Architecture")["AllowedValues"] == ["arm64", "x86_64"]
    assert after == before


def test_a_build_is_deployed_for_its_own_processor_unless_told_otherwise(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(build, "SAM", executable(tmp_path / "sam", f'mkdir "$3"; cp {STACK.path} "$3"'))
    monkeypatch.setattr(build, "find_python", lambda: tmp_path / "python3.13")
    monkeypatch.setattr(build, "BUILT", tmp_path / "built")
    monkeypatch.setenv("ARCHITECTURE", "x86_64")
    assert build.main(host=False) == 0
    assert load(tmp_path / "built" / "template.yaml")["Parameters"]["Architecture"]["Default"] == "x86_64"


@pytest.mark.parametrize("environment", ["default", "production"])
def test_nothing_is_deployed_where_a_build_left_no_template(environment: str) -> None:
    """Of itself SAM takes the template of the sources then, and with it functions without packages."""
    config = tomllib.loads((STACK.path.parent / "samconfig.toml").read_text(encoding="utf-8"))
    deployed = STACK.path.parent / config[environment]["deploy"]["parameters"]["template_file"]
    assert deployed == build.BUILT / "template.yaml"


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Where a SAM that builds nothing writes what it is asked for."""
    monkeypatch.setattr(build, "SAM", executable(tmp_path / "sam", f'echo "$@" > {tmp_path}/asked; exit 3'))
    monkeypatch.setattr(build, "find_python", lambda: tmp_path / "python3.13")
    return tmp_path / "asked"


@pytest.mark.parametrize(("variable", "architecture"), [(None, "arm64"), ("", "arm64"), ("x86_64", "x86_64")])
def test_what_is_deployed_is_for_arm64_unless_told_otherwise(
    variable: str | None, architecture: str, asked: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("ARCHITECTURE", raising=False)
    if variable is not None:
        monkeypatch.setenv("ARCHITECTURE", variable)
    assert build.main(host=False) == 3
    assert asked.read_text().split()[1:] == [
        "--build-dir", str(build.BUILT), "--parameter-overrides", f"Architecture={architecture}",
    ]  # fmt: skip


def test_what_the_tests_run_is_for_this_machine_and_beside_the_other(
    asked: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ARCHITECTURE", "another")
    assert build.main(host=True) == 3
    machine = {"aarch64": "arm64"}.get(platform.machine(), platform.machine())
    assert asked.read_text().split()[2:] == [
        str(build.HOST_BUILT), "--parameter-overrides", f"Architecture={machine}",
    ]  # fmt: skip
    assert build.HOST_BUILT not in (build.BUILT, *build.BUILT.parents)


def test_the_template_is_for_the_processor_that_is_built_for() -> None:
    assert load(STACK.path)["Parameters"]["Architecture"]["Default"] == build.DEFAULT_ARCHITECTURE
