"""The built functions under the runtime client of AWS, at each LogLevel: what they write, and what they never do."""

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from infra.build import BUILT, find_python, sizes
from infra.local.stack import Stack
from tests import log_rules
from tests.client import STACK
from tests.engines import Engine, start_engine
from tests.lambda_function import Code
from tests.marked import Deployment, converse

ROOT = STACK.path.parent
PYTHON = str(find_python() or "python3.13")
WEIGHTS = dict(sizes(BUILT / "template.yaml"))


@pytest.fixture(scope="module")
def tables() -> Iterator[Engine]:
    engine = start_engine("dynoxide")
    with engine.tables(STACK):
        yield engine
    engine.end()


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
        own, *layers = WEIGHTS[function]
        python = [PYTHON, "-S", "-X", f"pycache_prefix={client / 'bytecode'}"]
        return Code(python, [BUILT / own, *(BUILT / layer / "python" for layer in layers), client])

    return converse(Stack(STACK.path, {"LogLevel": level}), code, "quoting_graph:quoting", tables)


def test_nothing_of_a_conversation_and_no_key_is_written(talked: Deployment) -> None:
    log_rules.check_nothing_marked_is_written(talked)


def test_the_metrics_survive_and_are_those_on_the_dashboard(talked: Deployment) -> None:
    log_rules.check_metrics_are_those_on_the_dashboard(talked)


def test_lambda_takes_each_line_of_ours_for_its_level(talked: Deployment) -> None:
    log_rules.check_each_line_of_ours_counts_with_its_level(talked)


def test_the_parameter_steers_our_lines_and_libraries_speak_from_warnings_on(talked: Deployment, level: str) -> None:
    log_rules.check_the_parameter_steers_our_lines_alone(talked, level)


def test_each_5xx_is_an_error_with_route_status_and_code(talked: Deployment) -> None:
    log_rules.check_each_5xx_is_an_error_with_route_status_and_code(talked)
