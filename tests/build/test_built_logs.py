"""The built functions under the runtime client of AWS, at each LogLevel: the rules for their logs."""

import shutil
import subprocess
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from infra.local.stack import Stack
from tests.build.built import PYTHON, ROOT, folders
from tests.client import STACK
from tests.collector import collecting
from tests.engines import Engine
from tests.lambda_function import Code
from tests.log_rules import RULES, TURNS
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

    built = partial(code, client, traced=False)
    return converse(Stack(STACK.path, {"LogLevel": level}), built, "quoting_graph:quoting", tables)


def code(client: Path, function: str, *, traced: bool) -> Code:
    """A built function with the layers that it has, and the runtime client."""
    return Code([PYTHON, "-S", "-B"], [*folders(function, traced=traced), client])


@pytest.mark.parametrize("rule", RULES.values(), ids=RULES)
def test_what_is_written_keeps_the_rule(talked: Deployment, rule: Callable[[Deployment], None]) -> None:
    rule(talked)


def test_the_built_functions_send_a_turn_as_one_trace_where_the_deployment_traces(tables: Engine, client: Path) -> None:
    with collecting() as collector:
        stack = Stack(STACK.path, {"Tracing": "Active", "TracesEndpoint": collector.url})
        talked = converse(stack, partial(code, client, traced=True), "quoting_graph:quoting", tables)
    turns = [one for one in collector.spans if one.name == "invoke_agent"]
    assert [one.attributes["chatkeep.turn.status"] for one in turns] == [status for status, _ in TURNS]
    assert len({one.trace_id for one in turns}) == len(TURNS)
    assert {one.record.get("reason") for one in talked.written()} == {None}
