"""Builds the functions and layers with SAM, without Docker, and prints what each function weighs with its layers.

    python -m infra.build [--host]

builds what `sam deploy` deploys, for the processor that the variable ARCHITECTURE names; with `--host`, beside it, what
the tests run, for this machine's. How each part is made is in `infra/artifacts`.
"""

import argparse
import glob
import os
import platform
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from infra.local.intrinsics import load

ROOT = Path(__file__).resolve().parents[1]
BUILT = ROOT / ".aws-sam" / "build"
HOST_BUILT = ROOT / ".aws-sam" / "host"
DEFAULT_ARCHITECTURE = "arm64"
HOST_ARCHITECTURE = {"aarch64": "arm64", "AMD64": "x86_64"}.get(platform.machine(), platform.machine())
SAM = ROOT / ".venv" / "sam" / "bin" / "sam"
MOST_BYTES = 262_144_000
"""Lambda's limit for a function and its layers, unzipped: https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html"""


def main(*, host: bool) -> int:
    """Build one of the two, unless there is no Python to build with."""
    python = find_python()
    if python is None:
        print(
            "The functions run on Python 3.13 and SAM builds with the same, but none that has pip was found: not on "
            "PATH, nor through uv or pyenv. Install one, or name it: make build PYTHON_3_13=/path/to/python3.13",
            file=sys.stderr,
        )
        return 1
    architecture = HOST_ARCHITECTURE if host else os.environ.get("ARCHITECTURE") or DEFAULT_ARCHITECTURE
    folder = HOST_BUILT if host else BUILT
    template = folder / "template.yaml"
    if status := build(python, architecture, folder):
        return status
    refuse_others(architecture, template)
    return report(dict(sizes(template)))


def build(python: Path, architecture: str, folder: Path) -> int:
    """Have SAM build into `folder`; its exit status."""
    environment = os.environ | {"PATH": f"{python.parent}{os.pathsep}{os.environ['PATH']}", "SAM_CLI_TELEMETRY": "0"}
    sam = [str(SAM), "build", "--build-dir", str(folder), "--parameter-overrides", f"Architecture={architecture}"]
    return subprocess.run(sam, cwd=ROOT, env=environment, check=False).returncode


def refuse_others(architecture: str, template: Path) -> None:
    """Let the built template be deployed for no other processor.

    An existing stack keeps the one that it has unless it is told another: its functions would get binaries that they
    cannot load.
    """
    built = load(template)
    built["Parameters"]["Architecture"] |= {"AllowedValues": [architecture], "Default": architecture}
    template.write_text(yaml.safe_dump(built, sort_keys=False), encoding="utf-8")


def find_python() -> Path | None:
    """The first Python 3.13 with pip among PYTHON_3_13, this process's own, and those on PATH, of uv and of pyenv.

    A pyenv shim is on PATH whether its version is active or not, so each candidate is run.
    """
    versions = Path(os.environ.get("PYENV_ROOT", "~/.pyenv")).expanduser() / "versions" / "3.13*" / "bin" / "python3.13"
    uv_managed = Path(os.environ.get("UV_PYTHON_INSTALL_DIR", "~/.local/share/uv/python")).expanduser()
    named = os.environ.get("PYTHON_3_13")
    candidates = [named] if named else [sys.executable, "python3.13", *glob.glob(str(versions))]
    candidates += [] if named else glob.glob(str(uv_managed / "*3.13*" / "bin" / "python3.13"))
    return next(filter(None, map(_executable, candidates)), None)


def _executable(candidate: str) -> Path | None:
    question = "import pip, sys; sys.version_info[:2] == (3, 13) and print(sys.executable)"
    try:
        answer = subprocess.run([candidate, "-c", question], capture_output=True, text=True, check=False)
    except OSError:
        return None
    return Path(answer.stdout.strip()) if answer.stdout.strip() else None


def sizes(template: Path) -> Iterator[tuple[str, dict[str, int]]]:
    """Bytes of each built function's folder and of its layers', unzipped; those that depend on a condition too.

    The adapter's layer, which AWS publishes, is not among them; it has some megabytes.
    """
    built = load(template)
    shared = built["Globals"]["Function"].get("Layers", [])
    for name, resource in built["Resources"].items():
        if resource["Type"] == "AWS::Serverless::Function":
            layers = [_named(layer) for layer in shared + resource["Properties"].get("Layers", [])]
            built_here = [layer for layer in layers if layer in built["Resources"]]
            yield name, {part: _folder_bytes(template.parent / part) for part in [name, *built_here]}


def _named(layer: dict[str, Any]) -> str:
    return str(layer["Fn::If"][1]["Ref"] if "Fn::If" in layer else layer["Ref"])


def _folder_bytes(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


def report(weights: dict[str, dict[str, int]]) -> int:
    """Print one line per function. Returns 1 if one of them exceeds Lambda's limit."""
    for name, parts in weights.items():
        total = sum(parts.values())
        listed = " + ".join(f"{part} {size / 1e6:.1f}" for part, size in parts.items())
        verdict = "OVER THE LIMIT" if total > MOST_BYTES else "ok"
        print(f"{name:<18} {total / 1e6:6.1f} MB of {MOST_BYTES / 1e6:.1f}  ({listed})  {verdict}")
    return int(any(sum(parts.values()) > MOST_BYTES for parts in weights.values()))


if __name__ == "__main__":
    PARSER = argparse.ArgumentParser(description="Build the functions and layers with SAM.")
    PARSER.add_argument("--host", action="store_true", help="for this machine, to be tested on it")
    sys.exit(main(host=PARSER.parse_args().host))
