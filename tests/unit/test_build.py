"""The build's own decisions: which Python it takes, and what it refuses to let pass."""

import os
import sys
from pathlib import Path

import pytest

from infra.build import MOST_BYTES, find_python, report, sizes

TEMPLATE = """
Globals: {Function: {Layers: [{Ref: SharedLayer}, !If [Traces, !Ref TracingLayer, !Ref AWS::NoValue]]}}
Resources:
  ChatFunction: {Type: "AWS::Serverless::Function", Properties: {Layers: [{Ref: ChatLayer}]}}
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
    monkeypatch.setattr(sys, "executable", str(tmp_path / "not-there"))
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}/usr/bin{os.pathsep}/bin")
    monkeypatch.setenv("PYENV_ROOT", str(tmp_path))
    assert find_python() == real


@pytest.mark.parametrize("name", ["/nowhere/python3.13", sys.executable if sys.version_info[:2] != (3, 13) else "sh"])
def test_what_is_not_python_3_13_is_not_taken(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv("PYTHON_3_13", name)
    assert find_python() is None
