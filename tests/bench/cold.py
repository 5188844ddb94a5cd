"""Cost of cold starts: CPU of the built functions' imports, and their sizes: `python -m tests.bench.cold`."""

import argparse
import json
import os
import subprocess
import tempfile
from collections import defaultdict
from pathlib import Path
from statistics import median

from infra.build import HOST_ARCHITECTURE, HOST_BUILT
from tests.bench.cold_report import markdown
from tests.bench.starts import FIRST_MODELS, FLOOR, IMPORTS, TRACED, Seconds, Start, measure, without_bytecode
from tests.build.built import FUNCTIONS, PYTHON, ROOT

RESULTS = Path(__file__).parent / "cold.json"
ALL = [*IMPORTS, *TRACED, *FIRST_MODELS]
SMOKE = [kind[-1] for kind in (IMPORTS, TRACED, FIRST_MODELS)]
RUNS, SMOKE_RUNS = 7, 1
LAYERS = {"SharedLayer": "shared", "ChatLayer": "chat", "TracingLayer": "tracing"}
Rows = dict[str, dict[str, float]]


def starts(measured: list[Start], folder: Path, runs: int) -> Rows:
    """CPU seconds of each start, the median of its runs, above those of an empty interpreter, whose own come first."""
    bare, found = without_bytecode(folder), defaultdict[str, Seconds](Seconds)
    for _ in range(runs):
        measure([FLOOR, *measured], bare, found)
    floor = median(found.pop(FLOOR.name).shipped)
    rows = {FLOOR.name: {"compiled": round(floor, 3), "shipped": round(floor, 3)}}
    for name, seconds in found.items():
        compiled, shipped = (median(some) - floor for some in (seconds.compiled, seconds.shipped))
        rows[name] = {"compiled": round(compiled, 3), "shipped": round(shipped, 3)}
    return rows


def sizes(folder: Path) -> Rows:
    """Megabytes of each part, unzipped: as pip installs it without bytecode, without what is left out, and as it is."""
    return {part: _sizes(part, folder / part) for part in [*LAYERS, *FUNCTIONS]}


def _sizes(part: str, folder: Path) -> dict[str, float]:
    built = [file for file in (HOST_BUILT / part).rglob("*") if file.is_file()]
    sources = [file for file in built if file.suffix != ".pyc"]
    installed = sources
    if part in LAYERS:
        _install(LAYERS[part], folder)
        own = HOST_BUILT / part / "python" / "chatkeep"
        installed = [*folder.rglob("*"), *(file for file in sources if own in file.parents)]
    return {"installed": _megabytes(installed), "sources": _megabytes(sources), "shipped": _megabytes(built)}


def _megabytes(files: list[Path]) -> float:
    return round(sum(file.stat().st_size for file in files if file.is_file()) / 1e6, 2)


def _install(layer: str, folder: Path) -> None:
    """The layer's packages as pip leaves them."""
    recipes = ROOT / "infra" / "artifacts" / HOST_ARCHITECTURE / "Makefile"
    make = ["make", "--silent", "--makefile", recipes, f"installed-{layer}"]
    path = f"{Path(PYTHON).parent}{os.pathsep}{os.environ['PATH']}"
    subprocess.run(make, cwd=ROOT, env={**os.environ, "PATH": path, "ARTIFACTS_DIR": str(folder)}, check=True)


def main(*, smoke: bool) -> None:
    measured, runs = (SMOKE, SMOKE_RUNS) if smoke else (ALL, RUNS)
    with tempfile.TemporaryDirectory() as folder:
        found = {
            "cpu_seconds": starts(measured, Path(folder), runs),
            "megabytes": sizes(Path(folder)),
        }
    print(markdown(found))
    if not smoke:
        RESULTS.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    PARSER = argparse.ArgumentParser(description=__doc__)
    PARSER.add_argument("--smoke", action="store_true", help="few starts, once; the stored results stay as they are")
    main(smoke=PARSER.parse_args().smoke)
