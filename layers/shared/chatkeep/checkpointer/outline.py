"""Values that are not lists but hold lists, such as a graph's input: the lists apart from the rest."""

import copy
import sys
from collections.abc import Iterator, Mapping
from typing import Any

Path = tuple[str | int, ...]
"""The way from a value to a list in it: keys of dictionaries, indexes of lists, and "arg" of a Send."""

_DEPTH = 4


def lists_in(value: Any) -> dict[Path, list[Any]]:
    """The lists in plain containers, by their paths; a list in a list is an element and no list of its own."""
    return dict(_found(value, (), _DEPTH))


def _send() -> Any:
    """LangGraph's Send, or None before it is imported, when no value is one: checkpoints are read without LangGraph."""
    return getattr(sys.modules.get("langgraph.types"), "Send", None)


def _found(value: Any, path: Path, depth: int) -> Iterator[tuple[Path, list[Any]]]:
    if type(value) is _send():
        yield from _found(value.arg, (*path, "arg"), depth - 1)
    elif type(value) is dict and depth:
        for key, inner in value.items():
            if type(key) is str:
                yield from _found(inner, (*path, key), depth - 1)
    elif type(value) is list and _send() in map(type, value):
        for index, element in enumerate(value):
            if type(element) is _send():
                yield from _found(element, (*path, index), depth)
    elif type(value) is list and path:
        yield path, value


def without(value: Any, paths: Mapping[Path, Any]) -> Any:
    """A copy of `value` with None in the place of these lists; `value` itself stays as it is."""
    if () in paths:
        return None
    steps = dict.fromkeys(path[0] for path in paths)
    if not steps:
        return value
    hollow = copy.copy(value)
    for step in steps:
        below = {path[1:]: found for path, found in paths.items() if path[0] == step}
        _set(hollow, step, without(_get(value, step), below))
    return hollow


def fill(hollow: Any, lists: Mapping[Path, list[Any]]) -> Any:
    """`hollow` with the lists in their places; it is changed."""
    for path, found in lists.items():
        inner = hollow
        for step in path[:-1]:
            inner = _get(inner, step)
        _set(inner, path[-1], found)
    return hollow


def _get(container: Any, step: str | int) -> Any:
    return container.arg if type(container) is _send() else container[step]


def _set(container: Any, step: str | int, value: Any) -> None:
    if type(container) is _send():
        container.arg = value
    else:
        container[step] = value
