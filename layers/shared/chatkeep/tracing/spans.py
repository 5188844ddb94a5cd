"""A span as the rest of Chatkeep sees it."""

from collections.abc import Mapping
from enum import StrEnum

Value = str | bool | int | float | list[str] | None
Attributes = Mapping[str, Value]
"""Those that are None are left out."""


class Kind(StrEnum):
    """What a span is at: the request itself, a request to somebody else, or work of our own."""

    SERVER = "SERVER"
    CLIENT = "CLIENT"
    INTERNAL = "INTERNAL"


class Span:
    """A part of a request; this one is of none and records nothing."""

    trace_id: str | None = None

    def tell(self, attributes: Attributes) -> None:
        """Add to its attributes."""

    def fail(self, kind: str) -> None:
        """Say that it failed, and as what: the class or the code of an error, never its words."""

    def end(self) -> None:
        """Say that it is over; what is told of it later is lost."""


NOTHING = Span()
