"""Runs a public saver in its own environment, which `make bench-checkpoints` prepares from its lock."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[3]
ENVIRONMENTS = ROOT / ".venv" / "peers"


def distribution(saver: str) -> str:
    """The package of a saver, which with its reducer is the same as without."""
    return saver.split(",")[0]


def version(saver: str) -> str:
    """The version that its lock pins."""
    name = distribution(saver)
    lock = (Path(__file__).parent / f"{name}-requirements.txt").read_text(encoding="utf-8")
    (pin,) = (line for line in lock.splitlines() if line.startswith(f"{name}=="))
    return pin.split()[0].split("==")[1]


def measured(saver: str, graph: str, turns: dict[str, int], endpoint: str) -> dict[str, Any]:
    """The answer of `python -m tests.bench.peers` there."""
    return answer(saver, endpoint, "tests.bench.peers", saver, graph, "--turns", json.dumps(turns))


def answer(saver: str, endpoint: str, module: str, *arguments: str) -> dict[str, Any]:
    """The JSON in the last line that a module prints in the saver's environment; the other lines are passed on."""
    python = ENVIRONMENTS / distribution(saver) / "bin" / "python"
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("PYTHON")},
        "AWS_ACCESS_KEY_ID": "local",
        "AWS_SECRET_ACCESS_KEY": "local",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ENDPOINT_URL_DYNAMODB": endpoint,
        "AGENTSTATE_QUIET": "1",
    }
    command = [str(python), "-m", module, *arguments]
    said = subprocess.run(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True, check=True).stdout
    *others, last = said.splitlines()
    sys.stdout.writelines(f"{line}\n" for line in others)
    found: dict[str, Any] = json.loads(last)
    return found
