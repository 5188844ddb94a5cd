"""Node as the tests of front ends run it, with the packages that package-lock.json names."""

import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from xml.etree import ElementTree

from tests.runner import ROOT, Runner

HERE = Path(__file__).parent
CLIENTS = ROOT / ".venv" / "clients"
NODE = CLIENTS / "bin" / "node"
COMPILER = CLIENTS / "node_modules" / "typescript" / "bin" / "tsc"
PACKAGES = ROOT / ".venv" / "frontends" / "node_modules"
SECONDS = 120


def prepared(folder: Path) -> Path:
    """The folder with the scripts and their packages."""
    for script in HERE.glob("*.js*"):
        shutil.copy(script, folder)
    (folder / "node_modules").symlink_to(PACKAGES)
    return folder


def run(
    folder: Path, *command: str | Path, environment: Mapping[str, str] | None = None
) -> "subprocess.CompletedProcess[str]":
    """Run a script with its options. Raises TimeoutExpired."""
    cache = {"NODE_COMPILE_CACHE": str(PACKAGES.parent / "compiled")}
    return subprocess.run(
        [NODE, *command],
        cwd=folder,
        env={**os.environ, **cache, **(environment or {})},
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )


def outcomes(
    folder: Path, script: str, runner: Runner, user: str, environment: Mapping[str, str] | None = None
) -> dict[str, str]:
    """What each test of a script failed with, empty for one that has passed."""
    variables = {"URL": runner.url, "TOKEN": runner.token(user), **(environment or {})}
    done = run(folder, "--test-reporter=junit", script, environment=variables)
    assert done.stdout, done.stderr
    cases = ElementTree.fromstring(done.stdout).iter("testcase")
    return {case.get("name", ""): "\n".join(one.text or "" for one in case.findall("failure")) for case in cases}


def compiled(folder: Path, script: str) -> None:
    """Compile a script with JSX."""
    alone = ["--allowJs", "--noCheck", "--lib", "es5", "--noResolve", "--outDir", "."]
    options = ["--jsx", "react-jsx", "--module", "esnext", "--moduleResolution", "bundler", "--target", "es2022"]
    done = run(folder, COMPILER, f"{script}.jsx", *alone, *options)
    assert done.returncode == 0, done.stdout
