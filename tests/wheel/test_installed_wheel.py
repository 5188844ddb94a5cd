"""The saver in an environment that has the wheel and its requirements, and nothing else of this project's."""

import json
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement

from tests.engines import start_engine
from tests.wheel.conftest import ROOT

MANUAL = ROOT / "layers" / "shared" / "chatkeep" / "checkpointer" / "README.md"
IMPORTED = """
import ast, json, sys
from importlib.metadata import packages_distributions
from chatkeep.checkpointer import DynamoDBSaver
ours = {name: module.__file__ for name, module in sys.modules.items() if name.split(".")[0] == "chatkeep"}
imported = set()
for file in ours.values():
    for node in ast.walk(ast.parse(open(file, encoding="utf-8").read())):
        imported |= {alias.name for alias in node.names} if isinstance(node, ast.Import) else set()
        imported |= {node.module} if isinstance(node, ast.ImportFrom) else set()
packages = {name.split(".")[0] for name in imported} - sys.stdlib_module_names - {"chatkeep"}
found = {name for package in packages for name in packages_distributions()[package]}
print(json.dumps({"ours": sorted(ours), "distributions": sorted(found)}))
"""
TYPED = """
from chatkeep.checkpointer import DynamoDBSaver
saver = DynamoDBSaver("a-table")
reveal_type(saver.table_name)
DynamoDBSaver(1)
"""


@pytest.fixture(scope="module")
def imported(bare: Path) -> dict[str, Any]:
    """Our modules that importing the saver loads, and the packages that those import."""
    answer = subprocess.run([bare, "-I", "-c", IMPORTED], env={}, capture_output=True, text=True, check=True)
    return dict(json.loads(answer.stdout))


def test_importing_the_saver_needs_no_variable_and_loads_nothing_of_the_service(imported: dict[str, Any]) -> None:
    assert "chatkeep.checkpointer" in imported["ours"]
    assert [name for name in imported["ours"] if name.startswith(("chatkeep.settings", "chatkeep.models"))] == []


def test_the_distribution_requires_what_the_saver_imports_and_no_more(imported: dict[str, Any]) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert imported["distributions"] == sorted(Requirement(line).name for line in project["dependencies"])


def example() -> str:
    """The first Python in the manual."""
    found = re.search(r"```python\n(.*?)```", MANUAL.read_text(encoding="utf-8"), re.DOTALL)
    assert found
    return found[1]


def test_the_manuals_first_example_runs_as_it_stands_and_goes_on_where_it_ended(with_langgraph: Path) -> None:
    engine = start_engine("dynoxide")
    environment = {
        "AWS_ACCESS_KEY_ID": "local",
        "AWS_SECRET_ACCESS_KEY": "local",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ENDPOINT_URL_DYNAMODB": engine.endpoint or "",
    }
    command = [with_langgraph, "-I", "-c", example()]
    said = [subprocess.run(command, env=environment, capture_output=True, text=True, check=True) for _ in range(3)]
    engine.end()
    assert [answer.stdout.count("AIMessage(") for answer in said] == [1, 2, 3]


def test_a_type_checker_sees_the_savers_types(bare: Path, tmp_path: Path) -> None:
    (tmp_path / "client.py").write_text(TYPED, encoding="utf-8")
    mypy = [sys.executable, "-m", "mypy", "--strict", "--python-executable", bare, "client.py"]
    environment = {name: value for name, value in os.environ.items() if name != "MYPYPATH"}
    answer = subprocess.run(mypy, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert 'Revealed type is "str"' in answer.stdout.replace("builtins.", "")
    errors = [line for line in answer.stdout.splitlines() if ": error: " in line]
    assert ["arg-type" in line for line in errors] == [True]
