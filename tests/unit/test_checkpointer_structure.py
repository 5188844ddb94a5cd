"""The saver's structure in figures, each bounded, and the modules it loads; as a program it prints the figures."""

import ast
import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from types import FrameType
from typing import Any

import boto3
import pytest
from langchain_core.messages import AIMessage, HumanMessage
from moto import mock_aws

from chatkeep.checkpointer import DynamoDBSaver

LAYER = Path(__file__).parents[2] / "layers" / "shared"
PACKAGES = ("chatkeep.checkpointer", "chatkeep.checkpoint_items")
SOURCES = {
    ".".join(file.relative_to(LAYER).with_suffix("").parts): ast.parse(file.read_text(encoding="utf-8"))
    for package in PACKAGES
    for file in sorted(LAYER.joinpath(*package.split(".")).glob("*.py"))
    if file.stem != "__init__"
}
GROUND = {"batches", "clock", "deadline", "dynamodb", "errors", "retrying"}
"""The modules of the layer's ground that the saver needs, in whichever folder they are."""
MOST_CHAINED, MOST_CLASSES, MOST_LINES, MOST_LONG_MODULES = 9, 34, 270, 12
MOST_ENTERED, MOST_CALLS, MOST_CHANGES = 10, 195, 60


@cache
def imports(module: str) -> set[str]:
    """The modules of both packages that a module imports, within functions too."""
    found: set[str] = set()
    for node in ast.walk(SOURCES[module]):
        if isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return found & SOURCES.keys()


def reached(module: str) -> set[str]:
    """The modules that a module imports, directly or by way of others."""
    found: set[str] = set()
    left = [module]
    while left:
        left += (new := imports(left.pop()) - found)
        found |= new
    return found


@cache
def chain(module: str) -> list[str]:
    """The longest way inwards from a module of the saver."""
    inner = [other for other in imports(module) if other.startswith(PACKAGES[0])]
    return [module.rpartition(".")[2], *max(map(chain, inner), key=len, default=[])]


def classes() -> list[str]:
    saver = (tree for name, tree in SOURCES.items() if name.startswith(PACKAGES[0]))
    return [node.name for tree in saver for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]


def lengths() -> dict[str, int]:
    return {name: len((LAYER / f"{name.replace('.', '/')}.py").read_text().splitlines()) for name in SOURCES}


class Calls:
    """Calls into the layer's modules, counted by module; code that dataclasses generate is nobody's."""

    def __init__(self) -> None:
        self.modules: Counter[str] = Counter()
        self.changes = 0
        self._last = ""

    def of(self, work: Callable[[], object]) -> "Calls":
        sys.setprofile(self._on_event)
        try:
            work()
        finally:
            sys.setprofile(None)
        return self

    def _on_event(self, frame: FrameType, event: str, _: Any) -> None:
        module = frame.f_globals.get("__name__", "")
        if event == "call" and module.startswith("chatkeep.") and not frame.f_code.co_filename.startswith("<"):
            self.modules[module] += 1
            self.changes += module != self._last
            self._last = module


def put() -> Calls:
    """One put that appends a row with a question and an answer to a conversation."""
    client = boto3.client("dynamodb")
    DynamoDBSaver.create_table(client, "checkpoints")
    saver = DynamoDBSaver("checkpoints", client, cache_bytes=1_000_000)
    *earlier, last = conversation(3)
    config: Any = {"configurable": {"thread_id": "thread", "checkpoint_ns": ""}}
    for checkpoint in earlier:
        config = saver.put(config, checkpoint, {}, changed(checkpoint))
    return Calls().of(lambda: saver.put(config, last, {}, changed(last)))


def changed(checkpoint: Any) -> dict[str, str]:
    return {"messages": checkpoint["channel_versions"]["messages"]}


def conversation(turns: int) -> Iterator[Any]:
    messages: list[Any] = []
    for number in range(turns):
        messages = [*messages, HumanMessage(f"{number}" * 700), AIMessage(f"{number}" * 800)]
        yield {
            "v": 4,
            "id": f"{number:06d}",
            "ts": "now",
            "channel_values": {"messages": messages, "language": "en"},
            "channel_versions": {"messages": f"{number:08d}.a", "language": "1"},
            "versions_seen": {},
            "updated_channels": None,
        }


def figures() -> dict[str, Any]:
    longest = max(map(chain, (name for name in SOURCES if name.startswith(PACKAGES[0]))), key=len)
    calls = put()
    return {
        "modules": len(SOURCES),
        "lines": sum(lengths().values()),
        "classes": len(classes()),
        "longest chain": f"{len(longest)}: {' > '.join(longest)}",
        "modules of a put": f"{len(calls.modules)}: {dict(calls.modules)}",
        "calls of a put": calls.modules.total(),
        "changes of module in a put": calls.changes,
    }


@pytest.fixture(autouse=True)
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "of a test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    with mock_aws():
        yield


@pytest.mark.parametrize("module", SOURCES)
def test_no_module_of_the_saver_imports_itself_by_way_of_others(module: str) -> None:
    assert module not in reached(module)


def test_the_saver_is_no_deeper_than_it_has_to_be() -> None:
    found = figures()
    assert max(len(chain(name)) for name in SOURCES) <= MOST_CHAINED, found
    assert len(classes()) <= MOST_CLASSES, found


def test_a_module_of_the_saver_can_be_read_in_one_sitting() -> None:
    long = {name: lines for name, lines in lengths().items() if lines > 150}
    assert len(long) <= MOST_LONG_MODULES, long
    assert max(long.values()) <= MOST_LINES, long


def test_a_put_goes_through_few_modules() -> None:
    calls = put()
    assert len(calls.modules) <= MOST_ENTERED, calls.modules
    assert calls.modules.total() <= MOST_CALLS, calls.modules
    assert calls.changes <= MOST_CHANGES, calls.modules


def loaded_by(statements: str) -> set[str]:
    """The modules of a process without any environment variable that has run these statements."""
    script = (
        f"import sys; sys.path.insert(0, {str(LAYER)!r}); {statements}; import json; print(json.dumps([*sys.modules]))"
    )
    output = subprocess.run([sys.executable, "-c", script], env={}, capture_output=True, text=True, check=True)
    return set(json.loads(output.stdout))


def test_the_saver_needs_nothing_of_the_service() -> None:
    modules = loaded_by("import chatkeep.checkpointer")
    ours = {name for name in modules if name.startswith("chatkeep.") and not name.startswith(PACKAGES)}
    assert {part for name in ours for part in name.split(".")[1:]} <= GROUND
    assert not {"pynamodb", "aws_lambda_powertools", "pydantic_settings"} & modules


WITHOUT_LANGGRAPH = """
import sys
sys.modules['langgraph.types'] = None
from chatkeep.checkpointer.codec import Codec, strict_serializer
from chatkeep.checkpointer.langgraph_types import dump, load
codec, value = Codec(strict_serializer()), {'messages': ['.' * 2_000], 'language': 'en'}
assert load(codec, dump(codec, value)) == value
"""


def test_the_saver_works_beside_langgraph_checkpoint_alone() -> None:
    modules = loaded_by(f"exec({WITHOUT_LANGGRAPH!r}); import chatkeep.checkpointer")
    assert not {"langgraph.graph", "langgraph.pregel"} & modules


if __name__ == "__main__":
    os.environ.update(AWS_ACCESS_KEY_ID="none", AWS_SECRET_ACCESS_KEY="none", AWS_DEFAULT_REGION="us-east-1")
    with mock_aws():
        print("\n".join(f"{name}: {figure}" for name, figure in figures().items()))
