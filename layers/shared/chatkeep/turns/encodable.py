"""Values from outside, and messages with them, made such that they can be stored, shown and sent again."""

import base64
import math
from collections.abc import Callable
from typing import Any

from langchain_core.messages import AIMessage, BaseMessage, ToolMessage

from chatkeep import text

DEEPEST = 100
"""Levels of objects and arrays that are kept; msgpack and JSON libraries give up at a few hundred."""
TOO_DEEP = "(nested too deeply)"
INTEGERS = range(-(2**63), 2**64)
"""Those that msgpack has: https://github.com/msgpack/msgpack/blob/master/spec.md#int-format-family"""
FIELDS = ("content", "additional_kwargs", "response_metadata", "name")
OF_KIND: dict[type[BaseMessage], tuple[str, ...]] = {
    AIMessage: ("tool_calls", "invalid_tool_calls"),
    ToolMessage: ("artifact",),
}


def storable(value: Any) -> Any:
    """`value` as msgpack takes it: valid text, and an integer of more than 64 bits as its decimal digits.

    Anything but text, numbers, dictionaries, lists and tuples stays as it is.
    """
    return _walk(value, _stored, DEEPEST, {})


def as_json(value: Any) -> Any:
    """`value` as RFC 8259 has it: also NaN and the infinities as text, bytes in base64, and all else as its `str`."""
    return _walk(value, _shown, DEEPEST, {})


def readable(value: Any) -> Any:
    """`value` with valid text at any depth, and all else as it is."""
    return _walk(value, lambda leaf: leaf, DEEPEST, {})


def mend(message: BaseMessage) -> None:
    """Replace in `message` itself the values that no storage keeps. Never raises; most messages stay as they are.

    These are halves of surrogate pairs, integers over 64 bits, and structures that are nested too deeply.
    """
    fields = [*FIELDS, *(name for kind, names in OF_KIND.items() if isinstance(message, kind) for name in names)]
    for name in fields:
        value = getattr(message, name)
        mended = storable(value)
        if not _same(mended, value):
            setattr(message, name, mended)


def mend_within(value: object) -> None:
    """Mend the messages in `value`, at any depth."""
    if isinstance(value, BaseMessage):
        mend(value)
    elif isinstance(value, dict | list | tuple):
        for one in value.values() if isinstance(value, dict) else value:
            mend_within(one)


def is_deep(value: Any, levels: int = DEEPEST) -> bool:
    """Whether `value` is nested in more than so many levels; takes no stack."""
    level = [value]
    for _ in range(levels):
        # One that is referred to more than once counts once, so that no graph of references takes for ever.
        level = list({id(one): one for one in level if isinstance(one, dict | list | tuple)}.values())
        level = [inner for one in level for inner in (one.values() if isinstance(one, dict) else one)]
    return any(isinstance(one, dict | list | tuple) for one in level)


Known = dict[tuple[int, int], Any]
"""The values made of containers, by their identity and the levels left for them: each is gone through once."""


def _walk(value: Any, leaf: Callable[[Any], Any], left: int, known: Known) -> Any:
    if isinstance(value, str):
        return text.valid(value)
    if not isinstance(value, dict | list | tuple):
        return leaf(value)
    if left == 0:
        return TOO_DEEP
    place = (id(value), left)
    if place not in known:
        known[place] = _contents(value, leaf, left - 1, known)
    return known[place]


def _contents(value: Any, leaf: Callable[[Any], Any], left: int, known: Known) -> Any:
    if isinstance(value, dict):
        return {_key(key, leaf): _walk(one, leaf, left, known) for key, one in value.items()}
    walked = [_walk(one, leaf, left, known) for one in value]
    return tuple(walked) if type(value) is tuple else walked


def _key(key: Any, leaf: Callable[[Any], Any]) -> Any:
    if isinstance(key, str):
        return text.valid(key)
    return str(key) if leaf is _shown else key


def _stored(value: Any) -> Any:
    return _digits(value) if isinstance(value, int) and value not in INTEGERS else value


def _shown(value: Any) -> Any:
    if value is None or isinstance(value, int):
        return _stored(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, bytes | bytearray):
        return base64.b64encode(value).decode()
    return text.valid(str(value))


def _digits(value: int) -> str:
    try:
        return str(value)
    except ValueError:  # Python's limit on the digits that it writes
        return hex(value)


def _same(mended: object, value: object) -> bool:
    try:
        return bool(mended == value)
    except Exception:  # whatever a tool returns as its artifact may not be comparable
        return False
