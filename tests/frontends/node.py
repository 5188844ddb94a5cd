"""Node as the tests of front ends run it, with the packages that package-lock.json names."""

import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from xml.etree import ElementTree

from tests.runner import ROOT

HERE = Path(__file__).parent
NODE = ROOT / ".venv" / "clients" / "bin" / "node"
PACKAGES = ROOT / ".venv" / "frontends" / "node_modules"
SECONDS = 60


def prepared(folder: Path) -> Path:
    """The folder with the scripts and their packages."""
    for script in HERE.glob("*.js*"):
        shutil.copy(script, folder)
    (folder / "node_modules").symlink_to(PACKAGES)
    return folder


def run(folder: Path, script: str, environment: Mapping[str, str], *options: str) -> "subprocess.CompletedProcess[str]":
    """Run a script. Raises TimeoutExpired."""
    cache = {"NODE_COMPILE_CACHE": str(PACKAGES.parent / "compiled")}
    return subprocess.run(
        [NODE, *options, script],
        cwd=folder,
        env={**os.environ, **cache, **environment},
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )


def outcomes(folder: Path, script: str, environment: Mapping[str, str]) -> dict[str, str]:
    """What each test of a script failed with, empty for one that has passed."""
    done = run(folder, script, environment, "--test-reporter=junit")
    cases = ElementTree.fromstring(done.stdout).iter("testcase")
    return {case.get("name", ""): "\n".join(one.text or "" for one in case.findall("failure")) for case in cases}
