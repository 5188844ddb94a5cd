"""What of the packages the layers leave out, and why. Runs on Lambda's Python with nothing installed.

A package that pyproject.toml names itself stays whole, so a graph that wants one of these has to name it there.
"""

import re
import shutil
import tomllib
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Rule:
    """`patterns` are of paths below the layer's `python`, as in `Path.glob`; `package` is whose files they are."""

    reason: str
    patterns: tuple[str, ...]
    package: str = ""


COMMANDS = (
    Rule("commands for a terminal; their first line names the Python of the machine that built them", ("bin",)),
    Rule("lists files with the digests of those commands", ("*.dist-info/RECORD",)),
)
RULES = {
    "shared": (
        *COMMANDS,
        Rule("for type checkers", ("**/*.pyi",)),
        Rule("for documentation of AWS's services", ("botocore/data/*/*/examples-1.json*",), "botocore"),
        Rule(
            "a page to try the API in, which no function serves",
            ("aws_lambda_powertools/event_handler/openapi/swagger_ui/*.min.*",),
            "aws-lambda-powertools",
        ),
    ),
    "chat": (
        *COMMANDS,
        Rule("for type checkers", ("**/*.pyi", "*-stubs")),
        Rule("the packages' own tests", ("certifi/tests", "regex/tests")),
        Rule(
            "langchain-aws wants it for embeddings and vector stores alone, LangChain and LangGraph where it is there",
            ("numpy", "numpy.libs", "numpy-*.dist-info"),
            "numpy",
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
    """A pattern matches nothing: the package has changed, and so might what the rule is for."""


def leave_out(layer: str, python: Path, kept: frozenset[str]) -> None:
    """Delete from the folder `python` what the layer's rules say, unless it is of a package in `kept`.

    Raises UselessRuleError.
    """
    for rule in RULES[layer]:
        for pattern in rule.patterns:
            found = list(python.glob(pattern))
            if not found:
                raise UselessRuleError(f"{pattern} matches nothing in the {layer} layer; it was: {rule.reason}")
            for path in [] if rule.package in kept else found:
                shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)


def named(project: Path) -> frozenset[str]:
    """The packages that the pyproject.toml in the folder `project` names for the chat layer itself."""
    text = (project / "pyproject.toml").read_text(encoding="utf-8")
    chat = tomllib.loads(text)["project"]["optional-dependencies"]["chat"]
    return frozenset(re.split(r"[^A-Za-z0-9._-]", one)[0].lower() for one in chat)
