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
APART = 1_000_000
"""Between the numbers of two lists of one turn, of which each has fewer events."""


@dataclass(frozen=True)
class Event:
    """`number` grows within the turn; `data` is JSON, the same in each replay."""

    number: int
    name: Name
    data: dict[str, Any]


def before_list(fence: int) -> int:
    """The number before those of the list that the holder of a lease makes: no other holder's list has them.

    Whoever resumes after an event of another list gets this one from its beginning.
    """
    return fence * APART


def begins_list(number: int) -> bool:
    """Whether it is the number of a list's first event."""
    return number % APART == 1
