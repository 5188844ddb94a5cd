"""A span as the rest of Chatkeep sees it."""

from collections.abc import Mapping
from enum import StrEnum

Value = str | bool | int | float | list[str] | None
Attributes = Mapping[str, Value]
"""Those that are None are left out."""


class Kind(StrEnum):
    """The kind of a span: the incoming request, a request to another service, or work of our own."""

    SERVER = "SERVER"
    CLIENT = "CLIENT"
    INTERNAL = "INTERNAL"


class Span:
    """A part of a request. This base class belongs to none and records nothing."""

    trace_id: str | None = None

    def tell(self, attributes: Attributes) -> None:
        """Add to the span's attributes."""

    def fail(self, kind: str) -> None:
        """Mark the span as failed with the class or the code of an error, never its words."""

    def end(self) -> None:
        """End the span. Anything recorded later is lost."""


NOTHING = Span()
