"""Rules about imports: they point inward, and a function starts with what it needs and nothing heavy."""

import ast
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LAYER = ROOT / "layers" / "shared"
SOURCES = {
    ".".join(file.relative_to(base).with_suffix("").parts).removesuffix(".__init__"): file
    for base, folder in ((ROOT, "functions"), (LAYER, "chatkeep"))
    for file in sorted((base / folder).rglob("*.py"))
}
FUNCTIONS = sorted({name.split(".")[1] for name in SOURCES if name.startswith("functions.")})
HANDLERS = [f"functions.{function}.app" for function in FUNCTIONS]
INNERMOST = {"chatkeep.errors", "chatkeep.settings"}
MAY_IMPORT = {  # of ours, itself aside; a package stands for what is in it
    "chatkeep.clock": set(),
    "chatkeep.errors": set(),
    "chatkeep.settings": set(),
    "chatkeep.deadline": {"chatkeep.clock"},
    "chatkeep.retrying": {"chatkeep.deadline"},
    "chatkeep.punctual": {"chatkeep.deadline", "chatkeep.retrying"},
    "chatkeep.telemetry": {"chatkeep.text"},
    "chatkeep.tracing": {"chatkeep.deadline", "chatkeep.settings", "chatkeep.telemetry"},
    "chatkeep.dynamodb.batches": {"chatkeep.errors", "chatkeep.retrying"},
    "chatkeep.dynamodb.connection": {
        "chatkeep.deadline",
        "chatkeep.dynamodb",
        "chatkeep.punctual",
        "chatkeep.retrying",
        "chatkeep.tracing",
    },
    "chatkeep.models": {*INNERMOST, "chatkeep.dynamodb"},
    "chatkeep.checkpoint_items": {*INNERMOST, "chatkeep.dynamodb"},
}
SDK = ("boto3", "botocore", "pynamodb")
AGENTS = ("langchain", "langgraph", "langsmith")
WITH_AGENTS = ("functions.chat", "chatkeep.checkpointer", "chatkeep.turns")
LIGHT = ("chatkeep.turns.lease", "chatkeep.turns.queue", "chatkeep.turns.repair", "chatkeep.turns.slots")
"""The exceptions: what a function needs of turns that cancels them or repairs after them, and runs none."""
STARTS_WITH = {
    "annotated_types", "aws_lambda_powertools", "botocore", "certifi", "dateutil", "itsdangerous",
    "jmespath", "pydantic", "pydantic_core", "pynamodb", "six", "typing_extensions", "typing_inspection", "urllib3",
    "uuid_utils",
}  # fmt: skip


def imported(module: str) -> Iterator[str]:
    """The full name of everything that the module imports, in functions too."""
    for node in ast.walk(ast.parse(SOURCES[module].read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module} imports relatively"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def within(name: str, packages: tuple[str, ...] | set[str]) -> bool:
    return any(name == package or name.startswith(f"{package}.") for package in packages)


@pytest.mark.parametrize("module", SOURCES)
def test_a_module_imports_nothing_further_out_than_itself(module: str) -> None:
    ours = [name for name in imported(module) if within(name, ("functions", "chatkeep", "infra", "tests"))]
    own = ".".join(module.split(".")[:2])
    if within(module, ("functions",)):
        allowed: set[str] = {"chatkeep", own}
    else:
        allowed = MAY_IMPORT.get(module, MAY_IMPORT.get(own, {"chatkeep"})) | {own}
    assert [name for name in ours if not within(name, allowed)] == []


@pytest.mark.parametrize("handler", HANDLERS)
def test_a_handler_does_not_know_the_database(handler: str) -> None:
    assert [name for name in imported(handler) if within(name, SDK)] == []


@pytest.mark.parametrize("module", [name for name in SOURCES if name in LIGHT or not within(name, WITH_AGENTS)])
def test_only_what_runs_turns_imports_langgraph_or_langchain(module: str) -> None:
    assert [name for name in imported(module) if name.startswith(AGENTS)] == []


@pytest.mark.parametrize("module", [name for name in SOURCES if name in LIGHT or not within(name, WITH_AGENTS)])
def test_what_runs_no_turns_imports_of_their_modules_the_light_ones_alone(module: str) -> None:
    assert [name for name in imported(module) if within(name, WITH_AGENTS) and not within(name, LIGHT)] == []


def loaded_by(statements: str, **variables: str) -> list[str]:
    """The modules of a fresh process that has run these statements."""
    environment = {
        "ALLOWED_ORIGIN": "*",
        "AWS_DEFAULT_REGION": "us-east-1",
        "POWERTOOLS_SERVICE_NAME": "tests",
        "PYTHONPATH": f"{ROOT}:{LAYER}",
        "SESSIONS_TABLE": "a-table",
        **variables,
    }
    script = f"{statements}; import sys, json; print(json.dumps(list(sys.modules)))"
    output = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=True)
    return list(json.loads(output.stdout))


@pytest.mark.parametrize("module", [*(handler for handler in HANDLERS if not within(handler, WITH_AGENTS)), *LIGHT])
def test_what_runs_no_turns_starts_with_few_packages(module: str) -> None:
    modules = loaded_by(f"import {module}")
    loaded = {name.split(".")[0] for name in modules}
    installed = {name for name in loaded if not name.startswith("_")} - sys.stdlib_module_names
    assert installed - {"chatkeep", "functions"} <= STARTS_WITH
    assert not any(name.startswith(AGENTS) for name in modules)


WITHOUT_OPENTELEMETRY = (
    "import sys; sys.modules['opentelemetry'] = None; "
    "from functions.chat import app, providers, runtime; runtime.tools(); "
    "providers.prepare('openai:tiny'); providers.prepare('bedrock:tiny')"
)
"""Imports all that turns need; LangSmith takes OpenTelemetry where it finds it, so it lies in a layer of its own."""
OF_CHAT = {
    "CHECKPOINTS_TABLE": "another-table",
    "GRAPH": "functions.chat.agent:build_graph",
    "TURNS_PER_USER": "5",
    "DEFAULT_MODEL": "scripted:echo",
}


def test_turns_without_traces_need_nothing_of_opentelemetry() -> None:
    modules = loaded_by(WITHOUT_OPENTELEMETRY, **OF_CHAT)
    assert not [name for name in modules if name.startswith("opentelemetry.")]


@pytest.mark.parametrize("handler", ["functions.chat.app", "functions.stats.app"])
def test_a_function_that_traces_starts_with_opentelemetry_and_no_exporter_of_its_own(handler: str) -> None:
    endpoint = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4318"}
    modules = set(loaded_by(f"import {handler}", **OF_CHAT, **endpoint))
    assert "opentelemetry.sdk.trace" in modules
    assert not modules & {"google.protobuf", "grpc", "opentelemetry.exporter.otlp.json.http"}


def test_nothing_but_the_package_of_spans_knows_opentelemetry() -> None:
    knowing = {module for module in SOURCES for name in imported(module) if within(name, ("opentelemetry",))}
    assert knowing == {f"chatkeep.tracing.{name}" for name in ("encoding", "recording", "sending")}


@pytest.mark.parametrize(("provider", "package"), [("openai", "langchain_openai"), ("bedrock", "langchain_aws")])
def test_what_a_turn_needs_is_imported_before_it_holds_its_session(provider: str, package: str) -> None:
    prepare = "from functions.chat import runtime; runtime.tools()"
    assert package in loaded_by(prepare, **OF_CHAT | {"DEFAULT_MODEL": f"{provider}:some-model"})
