"""What `make build` left in .aws-sam: each function runs from its own folder and its layers' alone, on Python 3.13.

Not part of `make test`, which needs no build. The functions talk to dynoxide.
"""

import json
import os
import platform
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from infra.build import HOST_BUILT, MOST_BYTES, find_python, sizes
from infra.local.environment import aws_variables
from infra.local.intrinsics import load
from infra.local.template import load_functions
from tests.client import STACK
from tests.engines import Engine, with_tables

ROOT = STACK.path.parent
EVENTS = ROOT / "tests" / "events"
FUNCTIONS = load_functions(STACK)
WEIGHTS = dict(sizes(HOST_BUILT / "template.yaml"))
RUN = Path(__file__).parent / "invoke.py"


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    with with_tables("dynoxide", STACK) as engine:
        yield engine


def folders(function: str) -> list[Path]:
    """Where Lambda would have the function's code and its layers'."""
    own, *layers = WEIGHTS[function]
    return [HOST_BUILT / own, *(HOST_BUILT / layer / "python" for layer in layers)]


def event(name: str) -> dict[str, Any]:
    return dict(json.loads((EVENTS / f"{name}.json").read_text(encoding="utf-8")))


def about(session_id: str, sample: dict[str, Any]) -> dict[str, Any]:
    """The same event for another session than the sample names."""
    text = json.dumps(sample).replace(sample["pathParameters"]["session_id"], session_id)
    return dict(json.loads(text))


def invoke(function: str, sample: dict[str, Any], engine: Engine) -> dict[str, Any]:
    """Run the function in a process that has nothing but its folders and the standard library."""
    local = {
        "DYNAMODB_ENDPOINT": engine.endpoint or "",
        "DEFAULT_MODEL": "scripted:echo",
        "ALLOW_SCRIPTED_MODELS": "true",
        "AWS_LAMBDA_FUNCTION_NAME": function,
        "POWERTOOLS_TRACE_DISABLED": "true",
        "PATH": os.environ["PATH"],
    }
    request = {"handler": FUNCTIONS[function].handler, "folders": [str(one) for one in folders(function)]}
    ran = subprocess.run(
        [find_python() or "python3.13", "-I", "-S", "-B", RUN],
        input=json.dumps(request | {"event": sample}),
        env={**FUNCTIONS[function].environment, **aws_variables({}), **local},
        cwd=HOST_BUILT / function,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    return json.loads(ran.stdout.splitlines()[-1])


def body(ran: dict[str, Any]) -> Any:
    return json.loads(ran["result"]["body"])


@pytest.fixture(scope="module")
def created(engine: Engine) -> dict[str, Any]:
    return invoke("SessionsFunction", event("create_session"), engine)


@pytest.fixture(scope="module")
def answered(engine: Engine, created: dict[str, Any]) -> dict[str, Any]:
    return invoke("ChatFunction", about(body(created)["session_id"], event("send_message")), engine)


@pytest.fixture(scope="module")
def counted(engine: Engine, answered: dict[str, Any]) -> dict[str, Any]:
    return invoke("StatsFunction", event("get_user_stats"), engine)


@pytest.fixture(scope="module")
def swept(engine: Engine, answered: dict[str, Any]) -> dict[str, Any]:
    return invoke("SweepFunction", event("every_five_minutes"), engine)


def test_built_sessions_creates_a_session(created: dict[str, Any]) -> None:
    assert (created["result"]["statusCode"], body(created)["title"]) == (201, "Trip to Lisbon")


def test_built_chat_runs_a_turn(answered: dict[str, Any]) -> None:
    assert answered["result"]["statusCode"] == 200, answered["result"]
    assert body(answered)["message"]["content"] == "echo: Where shall we eat?"


def test_built_stats_counts_the_turn(counted: dict[str, Any]) -> None:
    assert (body(counted)["total_sessions"], body(counted)["total_messages"]) == (1, 2)


def test_built_sweep_finds_nothing_to_repair(swept: dict[str, Any]) -> None:
    assert swept["result"] == {"repaired": 0}


@pytest.mark.parametrize(
    ("function", "ran"),
    [
        ("SessionsFunction", "created"),
        ("ChatFunction", "answered"),
        ("StatsFunction", "counted"),
        ("SweepFunction", "swept"),
    ],
)
def test_a_built_function_loads_code_only_from_its_folders(
    function: str, ran: str, request: pytest.FixtureRequest
) -> None:
    allowed = tuple(str(one) for one in folders(function))
    loaded = request.getfixturevalue(ran)["loaded"]
    assert [file for file in loaded if not file.startswith(allowed)] == []
    assert any("/chatkeep/" in file for file in loaded)


@pytest.mark.parametrize("ran", ["created", "counted", "swept"])
def test_only_chat_loads_langgraph(ran: str, request: pytest.FixtureRequest) -> None:
    loaded = request.getfixturevalue(ran)["loaded"]
    assert [file for file in loaded if "/langgraph/" in file or "/langchain" in file] == []


@pytest.mark.parametrize("function", WEIGHTS)
def test_the_build_is_of_the_present_source(function: str) -> None:
    folder = ROOT / "functions" / FUNCTIONS[function].handler.split(".")[1]
    sources = {ROOT / "layers" / "shared" / "chatkeep": HOST_BUILT / "SharedLayer" / "python" / "chatkeep"}
    sources[folder] = HOST_BUILT / function / "functions" / folder.name
    for source, copy in sources.items():
        assert {file.relative_to(source): file.read_bytes() for file in source.rglob("*.py")} == {
            file.relative_to(copy): file.read_bytes() for file in copy.rglob("*.py")
        }


@pytest.mark.parametrize("function", WEIGHTS)
def test_a_function_and_its_layers_are_within_lambdas_limit(function: str) -> None:
    assert 0 < sum(WEIGHTS[function].values()) <= MOST_BYTES


def test_the_layers_are_for_this_machine_which_runs_them_here() -> None:
    built = load(HOST_BUILT / "template.yaml")["Resources"]
    machine = {"aarch64": "arm64"}.get(platform.machine(), platform.machine())
    assert {built[layer]["Metadata"]["BuildArchitecture"] for layer in ("SharedLayer", "ChatLayer")} == {machine}
