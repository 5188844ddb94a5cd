"""The build for this machine: its functions as Lambda would find them, in their own folder and their layers'."""

import json
import os
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from infra.build import HOST_BUILT, find_python, sizes
from infra.local.environment import aws_variables
from infra.local.template import load_functions
from tests.client import STACK
from tests.engines import Engine

ROOT = STACK.path.parent
PYTHON = str(find_python() or "python3.13")
FUNCTIONS = load_functions(STACK)
WEIGHTS = dict(sizes(HOST_BUILT / "template.yaml"))
_EVENTS = ROOT / "tests" / "events"
_RUN = Path(__file__).parent / "invoke.py"


def folders(function: str, *, traced: bool = False, build: Path = HOST_BUILT) -> list[Path]:
    """Where Lambda would have the function's code and its layers', that of tracing where the deployment traces."""
    own, *layers = [name for name in WEIGHTS[function] if traced or name != "TracingLayer"]
    return [build / own, *(build / layer / "python" for layer in layers)]


def event(name: str, session_id: str = "", body: Any = None) -> dict[str, Any]:
    """A sample event; for another session and with another body than the sample's where they are given."""
    text = (_EVENTS / f"{name}.json").read_text(encoding="utf-8")
    sample: dict[str, Any] = json.loads(text)
    if session_id:
        sample = json.loads(text.replace(sample["pathParameters"]["session_id"], session_id))
    if body is not None:
        sample["body"] = json.dumps(body)
        for headers in ("headers", "multiValueHeaders"):
            sample[headers] = {name: value for name, value in sample[headers].items() if name != "Idempotency-Key"}
    return sample


def body(ran: dict[str, Any]) -> Any:
    return json.loads(ran["result"]["body"])


@dataclass(frozen=True)
class Built:
    """The functions on the tables of `engine`, with these `variables` and, behind their own folders, `further` ones."""

    engine: Engine
    variables: Mapping[str, str] = field(default_factory=dict)
    further: Sequence[Path] = ()

    def invoke(self, function: str, sample: dict[str, Any]) -> dict[str, Any]:
        """The `result`, and the files of the modules that were `loaded`; in a process of its own."""
        found = [*folders(function), *self.further]
        request = {"handler": FUNCTIONS[function].handler, "folders": [str(one) for one in found], "event": sample}
        ran = subprocess.run(
            [PYTHON, "-I", "-S", "-B", _RUN],
            input=json.dumps(request),
            env={**environment(function), "DYNAMODB_ENDPOINT": self.engine.endpoint or "", **self.variables},
            cwd=HOST_BUILT / function,
            capture_output=True,
            text=True,
            check=False,
        )
        assert ran.returncode == 0, ran.stderr
        return dict(json.loads(ran.stdout.splitlines()[-1]))


def environment(function: str) -> dict[str, str]:
    """The function's variables, for models that follow a script."""
    return {
        **FUNCTIONS[function].environment,
        **aws_variables({}),
        "DEFAULT_MODEL": "scripted:echo",
        "ALLOW_SCRIPTED_MODELS": "true",
        "AWS_LAMBDA_FUNCTION_NAME": function,
        "PATH": os.environ["PATH"],
    }
