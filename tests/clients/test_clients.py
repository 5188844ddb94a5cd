"""Clients generated from infra/openapi.json are compiled, checked and used; run by `make test-clients`."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.runner import ROOT, Runner, running

DOCUMENT = ROOT / "infra" / "openapi.json"
HERE = Path(__file__).parent
TOOLS = ROOT / ".venv" / "clients"


@pytest.fixture(scope="module")
def runner(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runner]:
    with running(tmp_path_factory.mktemp("data"), environment={"ALLOW_SCRIPTED_MODELS": "true"}) as runner:
        yield runner


def test_a_typescript_client_is_generated_compiled_and_used(runner: Runner, tmp_path: Path) -> None:
    for name in ("client.ts", "package.json", "tsconfig.json"):
        shutil.copy(HERE / name, tmp_path)
    (tmp_path / "node_modules").symlink_to(TOOLS / "node_modules")
    node = TOOLS / "bin" / "node"
    run(tmp_path, node, "node_modules/openapi-typescript/bin/cli.js", DOCUMENT, "--output", "schema.d.ts")
    run(tmp_path, node, "node_modules/typescript/bin/tsc")
    run(tmp_path, node, "built/client.js", runner.url, runner.token("typescript"))


def test_a_python_client_is_generated_checked_and_used(runner: Runner, tmp_path: Path) -> None:
    shutil.copy(HERE / "client.py", tmp_path)
    python = TOOLS / "bin" / "python"
    generate = ("-m", "openapi_python_client", "generate", "--meta", "none", "--fail-on-warning")
    run(tmp_path, python, *generate, "--path", DOCUMENT, "--output-path", "chatkeep_client")
    run(tmp_path, python, "-m", "mypy", "--strict", "--follow-imports=silent", "client.py")
    run(tmp_path, python, "client.py", runner.url, runner.token("python"))


def run(folder: Path, *command: str | Path) -> None:
    """Run a tool in the folder. Raises AssertionError with its output if it fails."""
    path = {"PATH": f"{TOOLS / 'bin'}{os.pathsep}{os.environ['PATH']}"}
    done = subprocess.run(command, cwd=folder, env=os.environ | path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
