"""The parts of packages that the layers leave out, and why. Runs on Lambda's Python with nothing installed.

A package named in pyproject.toml stays, so a graph that wants one of these has to name it there. A package also stays
if it is required by any package other than those known to work without it.
"""

import re
import shutil
import tomllib
from dataclasses import dataclass
from importlib.metadata import distributions
from pathlib import Path


@dataclass(frozen=True)
class Rule:
    """`patterns` match paths below the layer's `python`, as in `Path.glob`; the files belong to `package`.

    A whole package is left out if nothing requires it except the packages `without` it, which never import it.
    """

    reason: str
    patterns: tuple[str, ...]
    package: str = ""
    without: frozenset[str] = frozenset()


COMMANDS = (
    Rule("commands for a terminal; their first line names the Python of the machine that built them", ("bin",)),
    Rule("lists files with the digests of those commands", ("*.dist-info/RECORD",)),
)
RULES = {
    "shared": (
        *COMMANDS,
        Rule("for documentation of AWS's services", ("botocore/data/*/*/examples-1.json*",), "botocore"),
        Rule(
            "a page to try the API in, which no function serves",
            ("aws_lambda_powertools/event_handler/openapi/swagger_ui/*.min.*",),
            "aws-lambda-powertools",
        ),
    ),
    "chat": (
        *COMMANDS,
        Rule("the package's own tests", ("certifi/tests",), "certifi"),
        Rule("the package's own tests", ("regex/tests",), "regex"),
        Rule(
            "langchain-aws wants it for embeddings and vector stores alone, LangChain and LangGraph where it is there",
            ("numpy", "numpy.libs", "numpy-*.dist-info"),
            "numpy",
            without=frozenset({"langchain-aws"}),
        ),
        Rule(
            "a second implementation for Pythons other than CPython",
            ("zstandard/_cffi.*", "zstandard/backend_cffi.py"),
            "zstandard",
        ),
    ),
    "tracing": (),
}


class UselessRuleError(Exception):
    """A pattern matches nothing: the package has changed, and the rule's reason may be gone."""


def leave_out(layer: str, python: Path, kept: frozenset[str]) -> None:
    """Delete the files that the layer's rules name from the folder `python`, unless a package is in `kept` or required.

    Raises UselessRuleError.
    """
    for rule in RULES[layer]:
        stays = rule.package in kept or is_required(rule, python)
        for pattern in rule.patterns:
            found = list(python.glob(pattern))
            if not found:
                raise UselessRuleError(f"{pattern} matches nothing in the {layer} layer; it was: {rule.reason}")
            for path in [] if stays else found:
                shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)


def is_required(rule: Rule, python: Path) -> bool:
    """Whether a package in the folder `python` requires the rule's package and is not known to work without it."""
    if not rule.without:
        return False
    for one in distributions(path=[str(python)]):
        always = {_name(text) for text in one.requires or () if not re.search(r"\bextra\s*==", text)}
        if rule.package in always and _name(one.metadata["Name"]) not in rule.without:
            return True
    return False


def named(project: Path) -> frozenset[str]:
    """The packages that the pyproject.toml in the folder `project` names for the chat layer itself."""
    text = (project / "pyproject.toml").read_text(encoding="utf-8")
    return frozenset(map(_name, tomllib.loads(text)["project"]["optional-dependencies"]["chat"]))


def _name(requirement: str) -> str:
    """The package's name in its one canonical form: https://packaging.python.org/en/latest/specifications/name-normalization/"""
    return re.sub(r"[-_.]+", "-", re.split(r"[^A-Za-z0-9._-]", requirement.strip())[0]).lower()
