"""The contents of the wheel and the sdist."""

import subprocess
import tarfile
import tomllib
from email.parser import Parser
from pathlib import Path
from zipfile import ZipFile

from tests.wheel.conftest import ROOT, build

LAYER = "layers/shared/"


def tracked(folder: str) -> set[str]:
    listed = subprocess.run(["git", "ls-files", folder], cwd=ROOT, capture_output=True, text=True, check=True)
    return set(listed.stdout.split())


def sources() -> set[str]:
    """The package's modules and its mark for type checkers, as they are to be imported."""
    kept = (name for name in tracked(f"{LAYER}chatkeep") if name.endswith((".py", "/py.typed")))
    return {name.removeprefix(LAYER) for name in kept}


def test_the_wheel_holds_the_package_and_nothing_else(wheel: Path) -> None:
    names = {name for name in ZipFile(wheel).namelist() if ".dist-info/" not in name}
    assert "chatkeep/py.typed" in names
    assert names == sources()


def test_the_sdist_holds_the_package_and_what_builds_it(sdist: Path) -> None:
    with tarfile.open(sdist) as archive:
        names = {name.split("/", 1)[1] for name in archive.getnames()}
    beside = {"LICENSE", "PKG-INFO", "pyproject.toml", ".gitignore"}
    assert names == beside | tracked(f"{LAYER}chatkeep")


def test_the_sdist_builds_the_same_wheel_as_the_tree(wheel: Path, sdist: Path, tmp_path: Path) -> None:
    assert build(sdist, tmp_path, "--wheel").read_bytes() == wheel.read_bytes()


def test_the_wheel_tells_its_license_its_manual_and_its_extras(wheel: Path) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    archive = ZipFile(wheel)
    (name,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
    metadata = Parser().parsestr(archive.read(name).decode())
    assert metadata["License-Expression"] == "Apache-2.0"
    assert metadata.get_payload() == (ROOT / project["readme"]).read_text(encoding="utf-8")
    assert set(metadata.get_all("Provides-Extra")) >= {"checkpointer", "service"}
    assert name.replace("METADATA", "licenses/LICENSE") in archive.namelist()
