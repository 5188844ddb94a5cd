"""Rules about imports: they point inward, and a function starts with only the packages it needs, none of them heavy."""

import ast
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from pynamodb.connection import Connection, TableConnection
from pynamodb.models import Model
from pynamodb.transactions import TransactGet, TransactWrite

ROOT = Path(__file__).parents[2]
LAYER = ROOT / "layers" / "shared"
SOURCES = {
    ".".join(file.relative_to(base).with_suffix("").parts).removesuffix(".__init__"): file
    for base, folder in ((ROOT, "functions"), (LAYER, "chatkeep"))
    for file in sorted((base / folder).rglob("*.py"))
}
FUNCTIONS = sorted({name.split(".")[1] for name in SOURCES if name.startswith("functions.")})
HANDLERS = [f"functions.{function}.app" for function in FUNCTIONS]
FLOORS = [
    {"aws", "clock", "context_limits", "deadline", "dynamodb", "errors", "formats", "ids", "model_names", "money",
     "retrying", "settings", "telemetry", "text", "tracing"},
    {"checkpoint_items", "kinds", "models"},
    {"agent", "checkpointer", "idempotency", "jobs", "messages", "removal", "sessions", "turns", "usage"},
    {"http", "streams"},
]  # fmt: skip
"""The modules and packages of chatkeep: ground, stored items, domain, edge. Each imports from its floor and below."""
INNERMOST = {"chatkeep.errors", "chatkeep.settings"}
MAY_IMPORT = {  # of ours, itself aside; a package stands for what is in it
    "chatkeep.clock": set(),
    "chatkeep.errors": set(),
    "chatkeep.settings": set(),
    "chatkeep.deadline": {"chatkeep.clock"},
    "chatkeep.retrying": {"chatkeep.deadline"},
    "chatkeep.telemetry": {"chatkeep.text"},
    "chatkeep.tracing": {"chatkeep.aws.hooks", "chatkeep.deadline", "chatkeep.settings", "chatkeep.telemetry"},
    "chatkeep.aws.hooks": set(),
    "chatkeep.aws.punctual": {"chatkeep.aws.hooks", "chatkeep.deadline", "chatkeep.retrying"},
    "chatkeep.dynamodb.batches": {"chatkeep.errors", "chatkeep.retrying"},
    "chatkeep.dynamodb.internals": set(),
    "chatkeep.dynamodb.connection": {
        "chatkeep.aws",
        "chatkeep.deadline",
        "chatkeep.dynamodb",
        "chatkeep.retrying",
        "chatkeep.settings",
        "chatkeep.tracing",
    },
    "chatkeep.models": {*INNERMOST, "chatkeep.dynamodb"},
    "chatkeep.checkpoint_items": {*INNERMOST, "chatkeep.dynamodb"},
    "chatkeep.kinds": {"chatkeep.models", "chatkeep.checkpoint_items"},
}
PRIVATE = {
    name
    for part in (Model, Connection, TableConnection, TransactGet, TransactWrite)
    for name in {*dir(part), *part.__annotations__, "_put_items", "_update_items"}
    if name.startswith("_") and not name.startswith("__")
} | {"from_raw_data", "get_save_kwargs_from_instance"}
"""The parts of PynamoDB that it may change in any version, and those that take or give its low-level items."""
SDK = ("boto3", "botocore", "pynamodb")
AGENTS = ("langchain", "langgraph", "langsmith")
WITH_AGENTS = (
    "functions.chat",
    "functions.stream",
    "functions.worker",
    "chatkeep.agent",
    "chatkeep.checkpointer",
    "chatkeep.http.turns",
    "chatkeep.streams",
    "chatkeep.turns",
)
LIGHT = (
    "chatkeep.streams.batches",
    "chatkeep.streams.event",
    "chatkeep.streams.running_question",
    "chatkeep.turns.admission",
    "chatkeep.turns.backlog",
    "chatkeep.turns.lease",
    "chatkeep.turns.model_calls",
    "chatkeep.turns.queue",
    "chatkeep.turns.repair",
    "chatkeep.turns.slots",
)
"""The exceptions: modules for functions that look at turns, cancel them or repair after them, and run none."""
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


def floor(module: str) -> int:
    own = module.split(".")[1]
    return next(number for number, some in enumerate(FLOORS) if own in some)


def test_every_module_of_the_layer_is_on_one_floor() -> None:
    top = [name.split(".")[1] for name in SOURCES if name.startswith("chatkeep.")]
    assert sorted(set(top)) == sorted(name for some in FLOORS for name in some)


@pytest.mark.parametrize("module", SOURCES)
def test_a_module_imports_nothing_further_out_than_itself(module: str) -> None:
    ours = [name for name in imported(module) if within(name, ("functions", "chatkeep", "infra", "tests"))]
    own = ".".join(module.split(".")[:2])
    if within(module, ("functions",)):
        allowed: set[str] = {"chatkeep", own}
    elif module == "chatkeep":
        allowed = set()
    else:
        below = {f"chatkeep.{name}" for some in FLOORS[: floor(module) + 1] for name in some}
        allowed = MAY_IMPORT.get(module, MAY_IMPORT.get(own, below)) | {own}
    assert [name for name in ours if not within(name, allowed)] == []


def known(name: str) -> str:
    """The module that `name` is, or is defined in."""
    return name if name in SOURCES else name.rpartition(".")[0]


def needed(module: str) -> set[str]:
    """The modules of ours that importing this one runs, its own packages aside unless it imports from them."""
    direct = {known(name) for name in imported(module) if within(name, ("chatkeep",))} - {module}
    packages = {".".join(name.split(".")[:depth]) for name in direct for depth in range(1, name.count(".") + 1)}
    return direct | {one for one in packages if not within(module, {one})}


def test_no_modules_import_each_other_in_a_circle() -> None:
    graph = {module: needed(module) for module in SOURCES if within(module, ("chatkeep",))}
    assert list(circles(graph)) == []


def test_a_circle_is_found_however_long_it_is() -> None:
    graph = {"a": {"b"}, "b": {"c", "d"}, "c": {"a"}, "d": set(), "e": {"e", "a"}}
    assert circles(graph) == [["a", "b", "c"], ["e"]]


def circles(graph: dict[str, set[str]]) -> list[list[str]]:
    """The groups of modules that reach each other, in order."""
    reached = {module: reach(graph, module) for module in graph}
    groups = {frozenset(one for one in reached[module] if module in reached[one]) for module in graph}
    return sorted(sorted(group) for group in groups if group)


def reach(graph: dict[str, set[str]], module: str) -> set[str]:
    """The modules that `module` imports by one or more steps."""
    found: set[str] = set()
    left = set(graph[module])
    while left:
        found.add(one := left.pop())
        left |= graph[one] - found
    return found


def attributes(module: str) -> Iterator[ast.Attribute]:
    tree = ast.parse(SOURCES[module].read_text(encoding="utf-8"))
    return (node for node in ast.walk(tree) if isinstance(node, ast.Attribute))


def test_one_module_alone_knows_the_private_parts_of_pynamodb() -> None:
    """A method of ours on `self` may have such a name where its class is none of PynamoDB's: see the next test."""
    knowing = {
        module
        for module in SOURCES
        for node in attributes(module)
        if node.attr in PRIVATE and not (isinstance(node.value, ast.Name) and node.value.id in ("self", "cls"))
    }
    assert knowing == {"chatkeep.dynamodb.internals"}


def test_classes_of_pynamodb_are_extended_in_the_package_of_dynamodb_alone() -> None:
    parts = ("pynamodb.transactions", "pynamodb.connection", "pynamodb.models")
    knowing = {module for module in SOURCES for name in imported(module) if within(name, parts)}
    assert [module for module in knowing if not within(module, ("chatkeep.dynamodb",))] == []


def test_one_module_alone_hooks_into_botocore() -> None:
    hooking = {
        module
        for module in SOURCES
        for node in attributes(module)
        if node.attr == "events" and isinstance(node.value, ast.Attribute) and node.value.attr == "meta"
    }
    assert hooking == {"chatkeep.aws.hooks"}


KEY = re.compile(r"(?:[A-Z]+#|DETAILS$|PREFERENCES$|TOTALS$).*", re.DOTALL)


@pytest.mark.parametrize("module", [name for name in SOURCES if not within(name, ("chatkeep.models",))])
def test_the_text_of_keys_is_made_in_the_models(module: str) -> None:
    tree = ast.parse(SOURCES[module].read_text(encoding="utf-8"))
    constants = (node.value for node in ast.walk(tree) if isinstance(node, ast.Constant))
    assert [text for text in constants if isinstance(text, str) and KEY.fullmatch(text)] == []


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
    "from functions.chat import app; from chatkeep.agent import providers, runtime; runtime.tools(); "
    "providers.prepare('openai:tiny'); providers.prepare('bedrock:tiny')"
)
"""Imports all that turns need; LangSmith takes OpenTelemetry where it finds it, so it lies in a layer of its own."""
OF_CHAT = {
    "CHECKPOINTS_TABLE": "another-table",
    "GRAPH": "chatkeep.agent.graph:build_graph",
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
    prepare = "from chatkeep.agent import runtime; runtime.tools()"
    assert package in loaded_by(prepare, **OF_CHAT | {"DEFAULT_MODEL": f"{provider}:some-model"})
