"""Rules about the layers' locks: the tested versions are deployed, all of them, and each once."""

import tomllib
from functools import cache
from importlib.metadata import requires

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.client import STACK

ROOT = STACK.path.parent
LAMBDA = {"python_version": "3.13", "python_full_version": "3.13.0", "sys_platform": "linux", "extra": ""}
LOCKS = ["layers/shared/requirements.txt", "layers/chat/requirements.txt", "layers/tracing/requirements.txt"]


@cache
def locked(path: str) -> dict[str, str]:
    """The version of each package in a lock."""
    lines = (ROOT / path).read_text(encoding="utf-8").replace("\\\n", "").splitlines()
    pins = [line.split(" ;")[0].split()[0].split("==") for line in lines]
    return {canonicalize_name(name): version for name, version in pins}


def declared() -> list[set[str]]:
    """The packages that pyproject.toml names for each layer."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    names = [
        extras["service"],
        [*project["dependencies"], *extras["checkpointer"], *extras["chat"]],
        extras["tracing"],
    ]
    return [{canonicalize_name(Requirement(one).name) for one in some} for some in names]


def test_each_layer_has_the_packages_that_the_project_names_for_it() -> None:
    shared = set(locked(LOCKS[0]))
    assert all(named <= shared | set(locked(lock)) for named, lock in zip(declared(), LOCKS, strict=True))


def test_no_package_is_in_two_layers() -> None:
    packages = [name for lock in LOCKS for name in locked(lock)]
    assert len(packages) == len(set(packages))


@pytest.mark.parametrize("lock", LOCKS)
def test_a_layer_has_the_versions_that_are_tested(lock: str) -> None:
    tested = locked("tests/requirements.txt")
    assert locked(lock).items() <= tested.items()


@pytest.mark.parametrize("lock", LOCKS)
def test_every_pin_has_a_hash_and_no_index_is_named(lock: str) -> None:
    text = (ROOT / lock).read_text(encoding="utf-8")
    assert all("--hash=sha256:" in pin for pin in text.replace("\\\n", "").splitlines())
    assert "index-url" not in text


@pytest.mark.parametrize("locks", [LOCKS[:1], LOCKS[:2], LOCKS[::2]], ids=["shared", "with chat", "with tracing"])
def test_nothing_that_a_package_requires_is_missing_from_its_layers(locks: list[str]) -> None:
    present = {name for lock in locks for name in locked(lock)}
    needed = (Requirement(text) for name in sorted(present) for text in requires(name) or ())
    applying = [one for one in needed if one.marker is None or one.marker.evaluate(LAMBDA)]
    assert {canonicalize_name(one.name) for one in applying} - present == set()
