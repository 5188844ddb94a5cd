"""Serialized values: long lists element by element, apart from the rest, as in a graph's input."""

import copy
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from langgraph.checkpoint.serde.types import _DeltaSnapshot

from chatkeep.checkpointer.codec import Codec, Frame, Path, size

try:
    from langgraph.types import Send
except ImportError:  # langgraph-checkpoint alone: without graphs there is no Send
    Send = None  # type: ignore[assignment, misc]

_DEPTH = 4
_LIST_BYTES = 1_024  # a shorter list in a value stays there
_MOST_LISTS = 4  # each takes some of the header


@dataclass(frozen=True)
class Value:
    """A serialized value: its long lists element by element, and the rest. Of a list, all is the list at ()."""

    rest: Frame | None
    lists: dict[Path, list[Frame]] = field(default_factory=dict)
    delta: bool = False

    @property
    def elements(self) -> list[Frame] | None:
        """The elements of a value that is a list, None of any other."""
        return self.lists.get(())


def dump(codec: Codec, value: Any) -> Value:
    delta = isinstance(value, _DeltaSnapshot)
    plain = value.value if delta else value
    if lists := _long_lists(codec, plain):
        return Value(codec.dump(without(plain, lists)), lists, delta)
    if type(plain) is list:
        return Value(None, {(): codec.dump_each(plain)}, delta)
    return Value(codec.dump(plain), delta=delta)


def _long_lists(codec: Codec, value: Any) -> dict[Path, list[Frame]]:
    lists = {path: codec.dump_each(found) for path, found in lists_in(value).items()}
    sizes = {path: size(frames) for path, frames in lists.items()}
    longest = sorted(sizes, key=lambda path: sizes[path], reverse=True)[:_MOST_LISTS]
    return {path: lists[path] for path in longest if sizes[path] > _LIST_BYTES}


def load(codec: Codec, value: Value) -> Any:
    rest = codec.load(value.rest) if value.rest else None
    plain = fill(rest, {path: codec.load_each(frames) for path, frames in value.lists.items()})
    return _DeltaSnapshot(plain) if value.delta else plain


def lists_in(value: Any) -> dict[Path, list[Any]]:
    """The lists in plain containers, by their paths; a list in a list is an element and no list of its own."""
    return dict(_found(value, (), _DEPTH))


def _found(value: Any, path: Path, depth: int) -> Iterator[tuple[Path, list[Any]]]:
    if type(value) is Send:
        yield from _found(value.arg, (*path, "arg"), depth - 1)
    elif type(value) is dict and depth:
        for key, inner in value.items():
            if type(key) is str:
                yield from _found(inner, (*path, key), depth - 1)
    elif type(value) is list and Send in map(type, value):
        for index, element in enumerate(value):
            if type(element) is Send:
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
    """`hollow`, which is changed, with the lists in their places; a list at () is all there is."""
    if () in lists:
        return lists[()]
    for path, found in lists.items():
        inner = hollow
        for step in path[:-1]:
            inner = _get(inner, step)
        _set(inner, path[-1], found)
    return hollow


def _get(container: Any, step: str | int) -> Any:
    return container.arg if type(container) is Send else container[step]


def _set(container: Any, step: str | int, value: Any) -> None:
    if type(container) is Send:
        container.arg = value
    else:
        container[step] = value
