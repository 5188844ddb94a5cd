"""The cost of starts of the built functions: CPU of new interpreters that import them, with and without bytecode.

The copies without bytecode write none, as on Lambda, where layers and functions are read-only.
"""

import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.build.built import FUNCTIONS, HOST_BUILT, PYTHON, WEIGHTS, environment, folders

FIRST_MODEL = """
import time
from chatkeep.deadline import Deadline
from chatkeep.agent import providers, runtime
from chatkeep.agent.models.model_settings import ModelSettings
runtime.tools()
providers.chat_model(ModelSettings({name!r}, 0.5, 100, {{}}, Deadline.within(25)))
"""
MODELS = {
    "bedrock": "bedrock:anthropic.claude-haiku-4-5-20251001-v1:0",
    "openai": "openai:gpt-4o-mini",
    "scripted": "scripted:echo",
}
VARIABLES = {"ALLOWED_MODELS": "*", "OPENAI_API_KEY": "key", "CURSOR_SECRET": "secret"}


@dataclass(frozen=True)
class Start:
    """The import of a function's handler, `traced` or not, and code that runs after it.

    Without a function it is an empty interpreter.
    """

    name: str
    function: str = ""
    after: str = ""
    traced: bool = False

    def seconds(self, build: Path) -> float:
        """CPU, user's and system's. Raises CalledProcessError."""
        if not self.function:
            return _cpu_seconds([PYTHON, "-I", "-S", "-B", "-c", ""], {})
        paths = [str(one) for one in folders(self.function, traced=self.traced, build=build)]
        endpoint = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4318"} if self.traced else {}
        imported = f"import {FUNCTIONS[self.function].module}"
        code = "\n".join([f"import sys\nsys.path[:0] = {paths}", imported, self.after])
        return _cpu_seconds([PYTHON, "-I", "-S", "-B", "-c", code], environment(self.function) | VARIABLES | endpoint)


FLOOR = Start("empty interpreter")
IMPORTS = [Start(FUNCTIONS[name].module.split(".")[1], name) for name in WEIGHTS]
TRACED = [Start(f"{one.name}, tracing", one.function, traced=True) for one in IMPORTS]
FIRST_MODELS = [
    Start(f"chat, first {kind} model", "ChatFunction", FIRST_MODEL.format(name=name)) for kind, name in MODELS.items()
]


def _cpu_seconds(command: list[str], variables: Mapping[str, str]) -> float:
    process = subprocess.Popen(command, env=dict(variables))
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)
    return usage.ru_utime + usage.ru_stime


def without_bytecode(folder: Path) -> Path:
    """A copy of the build in `folder`, without bytecode."""
    return Path(shutil.copytree(HOST_BUILT, folder / "without", ignore=shutil.ignore_patterns("__pycache__")))


@dataclass
class Seconds:
    """The CPU of each run of one start, in turns."""

    shipped: list[float] = field(default_factory=list)
    compiled: list[float] = field(default_factory=list)


def measure(starts: Sequence[Start], bare: Path, found: Mapping[str, Seconds]) -> None:
    """Add a run of each start, shipped and compiled anew from `bare` in turns, so that noise comes to both."""
    for start in starts:
        found[start.name].shipped.append(start.seconds(HOST_BUILT))
        found[start.name].compiled.append(start.seconds(bare))
