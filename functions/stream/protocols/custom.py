"""Values beside the words of a turn: those that a graph writes with LangGraph's stream writer, and the title."""

import re
from typing import Any

from chatkeep.sessions.preferences import TITLE

NAME = re.compile(r"[A-Za-z0-9_.-]{1,100}")


def name_of(value: Any) -> str:
    """The name that the graph gives to a value: its `name` or its `type` where that is one, else `custom`."""
    for given in (value.get("name"), value.get("type")) if isinstance(value, dict) else ():
        if isinstance(given, str) and NAME.fullmatch(given):
            return given
    return "custom"


def told_title(turn: dict[str, Any]) -> str | None:
    """The session's title, for a client that does not know it yet; None while it is the one that every session has."""
    title = turn.get("title")  # an earlier version has stored none
    return title if isinstance(title, str) and title != TITLE else None
