"""An event of a turn's stream, as every format is made of it."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class Name(StrEnum):
    """The kinds of events, by the names that clients see."""

    TURN = "turn"
    TOKEN = "token"  # noqa: S105  of text, not a secret
    REASONING = "reasoning"
    TOOL_CALL = "tool_call"
    TOOL_RESULT = "tool_result"
    MESSAGE = "message"
    CUSTOM = "custom"
    DONE = "done"
    ERROR = "error"


LAST = (Name.DONE, Name.ERROR)
"""Nothing comes after one of these."""


@dataclass(frozen=True)
class Event:
    """`number` grows within the turn; `data` is JSON, the same in each replay."""

    number: int
    name: Name
    data: dict[str, Any]
