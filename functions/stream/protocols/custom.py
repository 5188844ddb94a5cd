"""Names of the values that a graph writes with LangGraph's stream writer."""

import re
from typing import Any

NAME = re.compile(r"[A-Za-z0-9_.-]{1,100}")


def name_of(value: Any) -> str:
    """The name that the graph gives to a value: its `name` or its `type` where that is one, else `custom`."""
    for given in (value.get("name"), value.get("type")) if isinstance(value, dict) else ():
        if isinstance(given, str) and NAME.fullmatch(given):
            return given
    return "custom"
