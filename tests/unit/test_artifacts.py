"""The making of functions and layers: the parts left out of packages, and the bytecode put in."""

import marshal
import os
import re
import subprocess
import sys
from collections.abc import Callable
from importlib.util import cache_from_source
from pathlib import Path
from types import CodeType

import pytest

from infra.artifacts import finish
from infra.artifacts.finish import NotCompiledError, compile_all
from infra.artifacts.left_out import RULES, Rule, UselessRuleError, leave_out, named
from infra.local.stack import Stack
from tests.client import STACK

ROOT = STACK.path.parent
HEADER_BYTES = 16
UNCHECKED = (1).to_bytes(4, "little")
"""Flags of bytecode that has its source's hash, and is never compared with it: https://peps.python.org/pep-0552/"""


PACKAGES = {"array/__init__.py", "array/array.h", "array-1.dist-info/METADATA", "array_two.py", "other/it.py", "o.pyi"}


def installed(python: Path) -> Path:
    """The folder with PACKAGES in it."""
    for name in PACKAGES:
        module(python, name, "Name: array\n" if name.endswith("METADATA") else "")
    return python


def module(folder: Path, name: str, source: str) -> Path:
    file = folder / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(source, encoding="utf-8")
    return file


def files(python: Path) -> set[str]:
    return {str(file.relative_to(python)) for file in python.rglob("*") if file.is_file()}


@pytest.mark.parametrize("kept", [frozenset(), frozenset({"array"})], ids=["left out", "kept"])
def test_a_pattern_that_matches_nothing_fails_the_build(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kept: frozenset[str]
) -> None:
    python = installed(tmp_path)
    monkeypatch.setitem(RULES, "chat", (Rule("of the test", ("array", "matrix"), "array"),))
    with pytest.raises(UselessRuleError, match="matrix"):
        leave_out("chat", python, kept)


@pytest.mark.parametrize("pattern", ["array", "array-*.dist-info"])
def test_a_rule_takes_nothing_but_what_it_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pattern: str) -> None:
    python = installed(tmp_path)
    monkeypatch.setitem(RULES, "chat", (Rule("of the test", (pattern,)),))
    gone = {"array": {"array/__init__.py", "array/array.h"}}.get(pattern, {"array-1.dist-info/METADATA"})
    leave_out("chat", python, frozenset())
    assert files(python) == PACKAGES - gone


def test_a_package_that_the_project_names_itself_stays_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    python = installed(tmp_path)
    monkeypatch.setitem(RULES, "chat", (Rule("", ("array", "array-*"), "array"), Rule("", ("**/*.pyi",))))
    leave_out("chat", python, frozenset({"array"}))
    assert files(python) == PACKAGES - {"o.pyi"}


REQUIRED = [
    ("careful", "array>=1", False),
    ("another", "array>=1", True),
    ("another", "Array ; python_version < '3.12'", True),
    ("another", 'array; extra == "fast"', False),
    ("another", "array; extra=='fast'", False),
    ("another", "array-two", False),
]


@pytest.mark.parametrize(("by", "requirement", "stays"), REQUIRED)
def test_a_package_that_another_one_needs_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, by: str, requirement: str, stays: bool
) -> None:
    """Else a graph's own package would fail on Lambda, and nowhere before."""
    python = installed(tmp_path)
    module(python, f"{by}-1.dist-info/METADATA", f"Name: {by}\nRequires-Dist: {requirement}\n")
    rule = Rule("of the test", ("array", "array-*"), "array", without=frozenset({"careful"}))
    monkeypatch.setitem(RULES, "chat", (rule,))
    leave_out("chat", python, frozenset())
    assert ("array/__init__.py" in files(python)) == stays


@pytest.mark.parametrize("requirement", ["numpy", "numpy>=2,<3", "NumPy ~= 2.0", "numpy[all]==2; python_version>'3'"])
def test_the_project_names_a_package_in_any_form_of_a_requirement(tmp_path: Path, requirement: str) -> None:
    chat = f'[project.optional-dependencies]\nchat = ["{requirement}", "langchain_aws>=1"]\n'
    (tmp_path / "pyproject.toml").write_text(chat, encoding="utf-8")
    assert named(tmp_path) == {"numpy", "langchain-aws"}


@pytest.mark.parametrize("layer", RULES)
def test_nothing_but_commands_is_left_out_of_packages_that_no_rule_names(layer: str) -> None:
    """A graph's own package may need what ours do not: some read their stubs for type checkers at run time."""
    of_any = {pattern for rule in RULES[layer] if not rule.package for pattern in rule.patterns}
    assert of_any <= {"bin", "*.dist-info/RECORD"}


@pytest.mark.parametrize("layer", RULES)
def test_a_rule_has_a_reason_and_is_of_a_package_in_its_layer(layer: str) -> None:
    lock = (ROOT / "layers" / layer / "requirements.txt").read_text(encoding="utf-8")
    packages = {"", *re.findall(r"^([a-z0-9-]+)==", lock, re.MULTILINE)}
    assert [rule for rule in RULES[layer] if not rule.reason or rule.package not in packages] == []


def bytecode(source: Path) -> bytes:
    return Path(cache_from_source(str(source))).read_bytes()


def test_bytecode_has_the_names_that_files_have_on_lambda(tmp_path: Path) -> None:
    source = module(tmp_path, "python/package/module.py", "def fail():\n    raise ValueError\n")
    compile_all(tmp_path, "/opt")
    code = marshal.loads(bytecode(source)[HEADER_BYTES:])
    inner = [one for one in code.co_consts if isinstance(one, CodeType)]
    assert {one.co_filename for one in [code, *inner]} == {"/opt/python/package/module.py"}


def test_bytecode_is_never_compared_with_its_source(tmp_path: Path) -> None:
    source = module(tmp_path, "module.py", "")
    compile_all(tmp_path, "/opt")
    assert bytecode(source)[4:8] == UNCHECKED


@pytest.mark.parametrize("variable", ["PYTHONPYCACHEPREFIX", "PYTHONOPTIMIZE"])
def test_bytecode_is_where_lambda_looks_for_it_whatever_the_builder_has_set(tmp_path: Path, variable: str) -> None:
    source = module(tmp_path / "package", "module.py", '"""kept"""\n')
    code = "import sys; from pathlib import Path; from infra.artifacts.finish import compile_all"
    compiling = [sys.executable, "-c", f"{code}; compile_all(Path(sys.argv[1]), '/opt')", str(source.parent)]
    variables = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), variable: "2"}
    subprocess.run(compiling, env=variables, cwd=tmp_path, check=True)
    assert b"kept" in bytecode(source)


def test_a_module_that_is_no_python_fails_the_build(tmp_path: Path) -> None:
    module(tmp_path, "module.py", "def")
    with pytest.raises(NotCompiledError):
        compile_all(tmp_path, "/opt")


@pytest.mark.parametrize(
    ("make", "name", "file"),
    [(finish.function, "sweep", "functions/sweep/app.py"), (finish.layer, "shared", "python/chatkeep/clock.py")],
)
def test_a_part_has_the_projects_sources_and_no_bytecode_of_the_tests(
    make: Callable[[str, Path], None], name: str, file: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(RULES, name, ())
    make(name, tmp_path)
    assert (tmp_path / file).is_file()
    assert list(tmp_path.rglob("__pycache__")) == []


def test_each_function_and_layer_has_its_recipe() -> None:
    recipes = (ROOT / "infra" / "artifacts" / "rules.mk").read_text(encoding="utf-8")
    traced = Stack(STACK.path, {"Tracing": "Active"})  # with each part that there may be
    parts = {name for kind in ("Function", "LayerVersion") for name, _ in traced.of_type(f"AWS::Serverless::{kind}")}
    assert set(re.findall(r"^build-(\w+):", recipes, re.MULTILINE)) == parts
