"""The errors that a function may raise, read from its source and everything that it refers to."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from chatkeep import errors
from chatkeep.errors import ChatkeepError

ROOT = Path(__file__).parents[1]
FILES = {
    ".".join(file.relative_to(base).with_suffix("").parts).removesuffix(".__init__"): file
    for base, folder in ((ROOT, "functions"), (ROOT / "layers" / "shared", "chatkeep"))
    for file in sorted((base / folder).rglob("*.py"))
}
PREFIX = f"{errors.__name__}."


@dataclass(frozen=True)
class Module:
    """`definitions` are its functions, classes and constants; `imports` the full names behind its local ones."""

    definitions: dict[str, ast.AST]
    imports: dict[str, str]


@cache
def module(name: str) -> Module:
    tree = ast.parse(FILES[name].read_text(encoding="utf-8"))
    definitions: dict[str, ast.AST] = {}
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            definitions[node.name] = node
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            definitions |= {one.id: node for one in targets if isinstance(one, ast.Name)}
    imports = {
        alias.asname or alias.name: f"{node.module}.{alias.name}"
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    return Module(definitions, imports)


def raised(function: str) -> set[type[ChatkeepError]]:
    """The errors created or raised, caught or not, in all code that the function of this full name refers to.

    An error that is created only to be told of as a problem is none of them.
    """
    seen: set[str] = set()
    found: set[str] = set()
    ends = [function]
    while ends:
        name = ends.pop()
        if name not in seen and (defined := definition(name)):
            seen.add(name)
            own, node = defined
            ends += references(own, node)
            found |= {one for one in made(own, node) if one.startswith(PREFIX)}
    classes = (vars(errors).get(name.removeprefix(PREFIX)) for name in found)
    return {one for one in classes if isinstance(one, type) and issubclass(one, ChatkeepError)}


def definition(name: str) -> tuple[str, ast.AST] | None:
    """The module and the node that define this name; None if it is not ours, or is an error of the tree."""
    own, _, last = name.rpartition(".")
    if own not in FILES or name.startswith(PREFIX) or last not in module(own).definitions:
        return None
    return own, module(own).definitions[last]


def references(own: str, node: ast.AST) -> list[str]:
    return [name for one in ast.walk(node) if (name := full_name(own, one))]


def made(own: str, node: ast.AST) -> Iterator[str]:
    told = {id(one.value) for one in ast.walk(node) if isinstance(one, ast.Attribute) and one.attr == "as_problem"}
    for one in (one for one in ast.walk(node) if id(one) not in told):
        maker = one.func if isinstance(one, ast.Call) else one.exc if isinstance(one, ast.Raise) else None
        if maker is not None and (name := full_name(own, maker)):
            yield name


def full_name(own: str, node: ast.AST) -> str | None:
    """The full name behind a name or an attribute of an imported module."""
    if isinstance(node, ast.Name):
        return module(own).imports.get(node.id, f"{own}.{node.id}")
    if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
        return f"{module(own).imports.get(node.value.id)}.{node.attr}"
    return None
