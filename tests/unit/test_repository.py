"""Rules about the tracked files: their places, and the words that none may contain."""

import ast
import re
import subprocess
from fnmatch import fnmatch
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TRACKED = [
    Path(name)
    for name in subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True)
    .stdout.rstrip("\0")
    .split("\0")
    if (ROOT / name).is_file()
]
PARTS = {"unit", "integration", "faults"}
"""Of the tests: those that `make test` takes from, and CI takes all of."""
FOLDERS = {"functions", "infra", "layers", "tests"}
FILES = {
    "CHANGELOG.md",
    "LICENSE",
    "Makefile",
    "README.md",
    "pyproject.toml",
    "samconfig.toml",
    "template.yaml",
}
OF_ONE_MACHINE = re.compile(r"(?<![\w.:}/-])/(home|work|Users|root|mnt|builds)/\w")
OF_A_REGISTRY = re.compile(r"\b(artifactory|nexus|npmjs|pypi|pythonhosted|registry)\.[a-z]")


def lines_with(pattern: re.Pattern[str]) -> list[str]:
    found = []
    for file in TRACKED:
        try:
            text = (ROOT / file).read_text(encoding="utf-8")
        except UnicodeDecodeError:  # a picture
            continue
        found += [f"{file}: {line}" for line in text.splitlines() if pattern.search(line)]
    return found


def test_the_top_level_holds_only_what_belongs_there() -> None:
    top = {file.parts[0]: len(file.parts) > 1 for file in TRACKED if not file.parts[0].startswith(".")}
    assert {name for name, is_folder in top.items() if is_folder} <= FOLDERS
    assert {name for name, is_folder in top.items() if not is_folder} <= FILES


def test_no_file_knows_the_machine_it_was_written_on() -> None:
    assert lines_with(OF_ONE_MACHINE) == []


def test_no_file_names_the_host_of_a_package_registry() -> None:
    assert lines_with(OF_A_REGISTRY) == []


@pytest.mark.parametrize("file", [file for file in TRACKED if file.suffix == ".py"], ids=str)
def test_a_module_opens_with_what_it_holds(file: Path) -> None:
    assert ast.get_docstring(ast.parse((ROOT / file).read_text(encoding="utf-8")))


@pytest.mark.parametrize("file", [file for file in TRACKED if file.name.startswith("test_")], ids=str)
def test_the_name_of_a_test_is_a_sentence(file: Path) -> None:
    tree = ast.parse((ROOT / file).read_text(encoding="utf-8"))
    names = [node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
    assert [name for name in names if name.startswith("test_") and name.count("_") < 3] == []


def test_ci_runs_every_thorough_test() -> None:
    """`make test-engines` runs all that it does not ignore; the rest `.ci/run` names."""
    engines = (ROOT / "Makefile").read_text().partition("PER_ENGINE =")[2].partition("dynamodb-local")[0]
    (named,) = re.findall(r"ARGS='-q (tests/faults .*)'", (ROOT / ".ci/run").read_text())
    ignored = [*re.findall(r"--ignore-glob='(.*?)'", engines), "tests/faults/*"]
    thorough = [
        str(file)
        for file in TRACKED
        if file.is_relative_to("tests") and file.name.startswith("test_") and file.parent.name in PARTS
        if re.search(r"mark\.thorough|thorough=|one_in\(", (ROOT / file).read_text(encoding="utf-8"))
    ]
    left_out = [one for one in thorough if any(fnmatch(one, glob) for glob in ignored)]
    assert {one.split("/")[1] for one in thorough} == PARTS
    assert [one for one in left_out if not any(fnmatch(one, f"{path}*") for path in named.split())] == []
