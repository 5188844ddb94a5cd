"""The packages that the console bundles: those of the lock file, with their licences, and no others."""

import json
import subprocess
from pathlib import Path

from tests.runner import ROOT

CONSOLE = ROOT / "infra" / "console"
NODE = ROOT / ".venv" / "clients" / "bin" / "node"
BUNDLED = ("vendor.js", "vendor/sign-in.js", "vendor/highlight.js", "vendor/plots.js", "vendor/LICENSES.txt")


def test_the_bundles_are_those_that_the_lock_file_makes(tmp_path: Path) -> None:
    folder = ROOT / ".venv" / "console"
    subprocess.run([NODE, "build.mjs", tmp_path], cwd=folder, check=True, capture_output=True)
    differing = [name for name in BUNDLED if (tmp_path / name).read_bytes() != (CONSOLE / name).read_bytes()]
    assert differing == [], "run make console-packages"


def test_the_types_of_the_modules_agree() -> None:
    compiler = ROOT / ".venv" / "clients" / "node_modules" / "typescript" / "bin" / "tsc"
    said = subprocess.run(
        [NODE, compiler, "-p", CONSOLE / "jsconfig.json"], check=False, capture_output=True, text=True
    )
    assert said.returncode == 0, said.stdout


def test_the_lock_file_names_no_registry() -> None:
    lock = json.loads((CONSOLE / "packages" / "package-lock.json").read_text(encoding="utf-8"))
    assert [name for name, one in lock["packages"].items() if "resolved" in one] == []


def test_each_bundled_package_has_the_text_of_its_licence() -> None:
    wanted = json.loads((CONSOLE / "packages" / "package.json").read_text(encoding="utf-8"))["dependencies"]
    texts = (CONSOLE / "vendor" / "LICENSES.txt").read_text(encoding="utf-8")
    assert [name for name, version in wanted.items() if f"{name} {version}\n=" not in texts] == []


def test_the_pages_load_nothing_from_elsewhere_and_have_nothing_inline() -> None:
    page = (CONSOLE / "index.html").read_text(encoding="utf-8")
    assert "://" not in page
    assert "style=" not in page
    assert "<script>" not in page
    own = [CONSOLE / "console.js", *(CONSOLE / "elements").iterdir()]
    assert [file.name for file in own if "style=${" in file.read_text(encoding="utf-8")] == []
