"""Versions of channels: they grow, and two writers on one checkpoint do not make the same."""

import random
import secrets
from typing import Any

_DIGITS = 8


def next_version(current: Any) -> Any:
    """A version after `current`, of the kind that the thread has: text, or numbers from another saver.

    LangGraph compares versions with one another, so a thread keeps its kind, and a text at least its width.
    """
    if isinstance(current, int | float):
        return int(current) + 1 + random.random()  # noqa: S311
    count, _, _ = (current or "0").partition(".")
    return f"{int(count) + 1:0{max(_DIGITS, len(count) if current else 0)}}.{secrets.token_hex(4)}"
