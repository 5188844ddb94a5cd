"""The built functions under the runtime client of AWS, at each LogLevel: what they write, and what they never do."""

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from infra.local.stack import Stack
from tests.build.built import PYTHON, ROOT, folders
from tests.client import STACK
from tests.engines import Engine
from tests.lambda_function import Code
from tests.log_rules import RULES
from tests.marked import Deployment, converse


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The runtime client as Lambda has it beside a function, and a graph of the deployment's own."""
    folder = tmp_path_factory.mktemp("runtime")
    pins = ROOT / "tests" / "requirements.txt"
    install = [ROOT / ".venv" / "bin" / "uv", "pip", "install", "--quiet", "--python", PYTHON, "--target", folder]
    subprocess.run([*install, "--constraints", pins, "awslambdaric"], check=True)
    shutil.copy(ROOT / "tests" / "quoting_graph.py", folder)
    return folder


@pytest.fixture(scope="module", params=["DEBUG", "INFO", "WARN", "ERROR"])
def level(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def talked(level: str, tables: Engine, client: Path) -> Deployment:
    """The deployment with that LogLevel, after the conversation."""

    def code(function: str) -> Code:
        return Code([PYTHON, "-S", "-B"], [*folders(function), client])

    return converse(Stack(STACK.path, {"LogLevel": level}), code, "quoting_graph:quoting", tables)


@pytest.mark.parametrize("rule", RULES.values(), ids=RULES)
def test_what_is_written_keeps_the_rule(talked: Deployment, rule: Callable[[Deployment], None]) -> None:
    rule(talked)
