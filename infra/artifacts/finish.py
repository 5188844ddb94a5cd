"""Turns pip's installation into a layer and a folder into a function: `python3.13 -m infra.artifacts.finish`.

Runs on Lambda's Python with nothing installed. Lambda mounts layers and functions read-only: without bytecode every
start compiles every module. The bytecode is for that Python alone. It holds the file names on Lambda, so tracebacks do
not change. It is never checked against the source, so every build makes the same bytes.
"""

import compileall
import py_compile
import shutil
import sys
from pathlib import Path

from infra.artifacts.left_out import leave_out, named

PROJECT = Path(__file__).resolve().parents[2]
NOT_FOR_LAMBDA = shutil.ignore_patterns("__pycache__", "requirements.txt", "*.md", "py.typed")
"""Bytecode of another Python, pins, and files for readers and type checkers."""
IN_LAMBDA = {"layer": "/opt", "function": "/var/task"}


class NotCompiledError(Exception):
    """A module is not valid for Lambda's Python."""


def layer(name: str, artifacts: Path) -> None:
    """Add the project's own packages to those that pip installed, and remove the files that no code path needs."""
    leave_out(name, artifacts / "python", named(PROJECT))
    shutil.copytree(PROJECT / "layers" / name, artifacts / "python", ignore=NOT_FOR_LAMBDA, dirs_exist_ok=True)


def function(name: str, artifacts: Path) -> None:
    """Copy the function's folder below `functions`, so that its import path is the same as in the tests.

    A script can be executed whatever the builder's file system and Git make of its mode.
    """
    folder = artifacts / "functions" / name
    shutil.copytree(PROJECT / "functions" / name, folder, ignore=NOT_FOR_LAMBDA)
    for script in folder.glob("*.sh"):
        script.chmod(0o755)


def compile_all(folder: Path, in_lambda: str) -> None:
    """Write the bytecode of every module below `folder`, which Lambda has at `in_lambda`. Raises NotCompiledError.

    One process compiles them all in order: which objects a module's bytecode shares depends on the modules compiled
    before it, and workers would share them out at random. Where the builder's own Python keeps its bytecode, and
    whether it optimizes it, does not matter: Lambda looks in one place.
    """
    sys.pycache_prefix = None
    done = compileall.compile_dir(
        folder,
        maxlevels=50,
        quiet=1,
        force=True,
        workers=1,
        optimize=0,
        stripdir=str(folder),
        prependdir=in_lambda,
        invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH,
    )
    if not done:
        raise NotCompiledError(str(folder))


def main(kind: str, name: str, artifacts: Path) -> None:
    """`kind` is layer or function, `name` its folder in the project, `artifacts` where SAM wants it."""
    {"layer": layer, "function": function}[kind](name, artifacts)
    compile_all(artifacts, IN_LAMBDA[kind])


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], Path(sys.argv[3]))
