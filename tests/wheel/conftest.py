"""The built distribution, and environments that have nothing but it and its requirements."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
UV = ROOT / ".venv" / "bin" / "uv"
WHEELHOUSE = ROOT / ".venv" / "wheelhouse"
"""Every package that an installation needs, downloaded by `make test-wheel`."""
OFFLINE = ("--no-index", "--find-links", str(WHEELHOUSE))


def build(source: Path, folder: Path, *kinds: str) -> Path:
    """The one file in `folder` that is built from a tree or an sdist, without the network."""
    command = [UV, "build", "--quiet", "--no-config", *OFFLINE, "--out-dir", folder, *kinds, source]
    subprocess.run(command, check=True)
    (built,) = (file for file in folder.iterdir() if file.name != ".gitignore")
    return built


def install(requirement: str, folder: Path) -> Path:
    """The Python of an environment in `folder` into which pip has installed the requirement, without the network."""
    subprocess.run([UV, "venv", "--quiet", "--no-config", "--python", sys.executable, folder], check=True)
    python = folder / "bin" / "python"
    pip = [sys.executable, "-m", "pip", "--isolated", "--disable-pip-version-check", "--python", python]
    subprocess.run([*pip, "install", "--quiet", *OFFLINE, requirement], check=True)
    return python


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(ROOT, tmp_path_factory.mktemp("wheel"), "--wheel")


@pytest.fixture(scope="session")
def sdist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(ROOT, tmp_path_factory.mktemp("sdist"), "--sdist")


@pytest.fixture(scope="session")
def bare(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of an environment with the wheel and no extra."""
    return install(str(wheel), tmp_path_factory.mktemp("bare"))


@pytest.fixture(scope="session")
def with_langgraph(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of an environment with the wheel and its extra `checkpointer`."""
    return install(f"{wheel}[checkpointer]", tmp_path_factory.mktemp("checkpointer"))
