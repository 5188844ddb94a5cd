"""Sets the project up and runs it on an almost bare system: coreutils, make, a shell and one Python.

python -m tests.bare_setup [PYTHON...]    each Python at hand unless some are named
"""

import glob
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import httpx

from tests.runner import READY

ROOT = Path(__file__).parents[1]
VERSIONS = ["3.11", "3.12", "3.13", "3.14"]
# No node, npm, java, git or uv, which only some machines have.
PROGRAMS = [
    "basename", "cat", "cp", "dirname", "env", "expand", "ln", "ls", "make", "mkdir", "mv", "rm", "sed", "sh", "touch",
    "tr",
]  # fmt: skip
QUESTION = """
import ensurepip, platform, sys, venv
if sys.base_prefix == sys.prefix:
    print(platform.python_version(), sys.executable)
"""


class SetupFailedError(Exception):
    """A step of the set-up failed; the message is its output."""


def main() -> int:
    named = sys.argv[1:]
    pythons = dict(filter(None, map(_identify, named or reversed(list(_candidates())))))
    unusable = [python for python in named if _identify(python) is None]
    for python in unusable:
        print(f"{python} is no Python that can make an environment")
    failures = len(unusable)
    for version, python in pythons.items():
        started = time.monotonic()
        try:
            try_with(python)
            print(f"Python {version}: set up, started and answered in {time.monotonic() - started:.0f} s", flush=True)
        except SetupFailedError as failure:
            failures += 1
            print(f"Python {version} ({python}) failed:\n{failure}", flush=True)
    left_out = [name for name in VERSIONS if not any(version.startswith(f"{name}.") for version in pythons)]
    if left_out:
        print(f"left out: Python {', '.join(left_out)}")
    return int(failures > 0 or not pythons)


def _candidates() -> Iterator[str]:
    """The Pythons on PATH, in the usual folders, and those of pyenv and uv."""
    for version in VERSIONS:
        name = f"python{version}"
        for folder in [*os.environ["PATH"].split(os.pathsep), "/usr/bin", "/usr/local/bin"]:
            if (Path(folder) / name).exists():
                yield str(Path(folder) / name)
        yield from sorted(glob.glob(str(Path(f"~/.pyenv/versions/{version}.*/bin/{name}").expanduser())))
        yield from sorted(glob.glob(str(Path(f"~/.local/share/uv/python/*-{version}.*/bin/{name}").expanduser())))


def _identify(python: str) -> tuple[str, str] | None:
    """Version and path of a Python that can make an environment and is not itself in one."""
    try:
        answer = subprocess.run([python, "-c", QUESTION], capture_output=True, text=True, check=False).stdout.split()
    except OSError:
        return None
    return (answer[0], answer[1]) if answer else None


def try_with(python: str) -> None:
    """Copy the tracked files and carry out the README's first steps there. Raises SetupFailedError."""
    with tempfile.TemporaryDirectory() as scratch:
        tree, programs = Path(scratch) / "tree", Path(scratch) / "programs"
        _copy(tree)
        _provide(programs, python)
        environment = {**os.environ, "PATH": str(programs), "PORT": "0", "CHATKEEP_DATA": "", "DYNAMODB_ENDPOINT": ""}
        _call(["make", "setup"], tree, environment)
        with subprocess.Popen(["make", "run"], cwd=tree, env=environment, stdout=-1, stderr=-1, text=True) as process:
            try:
                _use(process, tree, environment)
            finally:
                process.terminate()


def _copy(tree: Path) -> None:
    names = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for name in filter(None, names.split("\0")):
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, tree / name)


def _provide(programs: Path, python: str) -> None:
    programs.mkdir()
    for name in PROGRAMS:
        if found := shutil.which(name):
            (programs / name).symlink_to(found)
    # Not a link: a Python run from elsewhere than its installation may not find its library.
    (programs / "python3").write_text(f'#!/bin/sh\nexec "{python}" "$@"\n')
    (programs / "python3").chmod(0o755)


def _call(command: list[str], tree: Path, environment: dict[str, str]) -> str:
    result = subprocess.run(command, cwd=tree, env=environment, capture_output=True, text=True, check=False)
    if result.returncode != 0 or "missing" in result.stderr or "Traceback" in result.stderr:
        raise SetupFailedError(f"{' '.join(command)}: {result.stderr}")
    return result.stdout


def _use(process: subprocess.Popen[str], tree: Path, environment: dict[str, str]) -> None:
    assert process.stdout is not None
    line = process.stdout.readline()
    if not line.startswith(READY):
        raise SetupFailedError(f"make run: {process.communicate()[1]}")
    url = line.removeprefix(READY).strip()
    token = _call(["make", "-s", "token", "USER=alice"], tree, environment).strip()
    answer = httpx.post(f"{url}/sessions", json={}, headers={"Authorization": f"Bearer {token}"}, timeout=60)
    if answer.status_code != 201:
        raise SetupFailedError(f"POST /sessions answered {answer.status_code}: {answer.text}")


if __name__ == "__main__":
    sys.exit(main())
