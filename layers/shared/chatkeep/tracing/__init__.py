"""Spans of a request's trace. Without an endpoint to send them to, each of these functions does nothing.

Nothing but this package knows OpenTelemetry, and it imports that only where there is an endpoint. Attributes never hold
words of a conversation or of an error.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from enum import StrEnum
from functools import cache
from typing import TYPE_CHECKING, Any

from chatkeep.settings import settings
from chatkeep.telemetry import logger
from chatkeep.telemetry.log_lines import named

if TYPE_CHECKING:
    from chatkeep.tracing.recording import Recorder

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
        """Add to what is known of it."""

    def fail(self, kind: str) -> None:
        """Say that it failed, and as what: the class or the code of an error, never its words."""

    def end(self) -> None:
        """Say that it is over; what is told of it later is lost."""


NOTHING = Span()


@cache
def recorder() -> "Recorder | None":
    """What records this process's spans; None where nobody wants them, or where OpenTelemetry cannot be had."""
    endpoint = settings().traces_endpoint
    if endpoint is None:
        return None
    try:
        from chatkeep.tracing.recording import Recorder  # OpenTelemetry costs every start of a function
        from chatkeep.tracing.sending import Sender

        return Recorder(Sender.to(endpoint))
    except Exception as error:  # such as a graph's packages that bring another OpenTelemetry: the functions still serve
        logger.warning("no spans are recorded", exc_info=True, extra={"reason": named(error)})
        return None


@contextmanager
def request(name: str, kind: Kind, attributes: Attributes) -> Iterator[Span]:
    """The span of a whole invocation, below Lambda's own where X-Ray has one; at its end all spans are sent.

    That takes a second at most, however the endpoint fails: see `chatkeep.tracing.sending`.
    """
    if (found := recorder()) is None:
        yield NOTHING
        return
    try:
        with found.invocation(name, kind, attributes) as span:
            yield span
    finally:
        found.send()


@contextmanager
def span(name: str, attributes: Attributes, kind: Kind = Kind.INTERNAL) -> Iterator[Span]:
    """A span around the code within, which becomes the parent of those begun there."""
    if (found := recorder()) is None:
        yield NOTHING
        return
    with found.around(name, kind, attributes) as begun:
        yield begun


def begin(name: str, attributes: Attributes, kind: Kind = Kind.CLIENT, parent: Span = NOTHING) -> Span:
    """A span that lasts until its `end`, below `parent`, else below the one that it is begun in."""
    found = recorder()
    return NOTHING if found is None else found.begin(name, kind, attributes, parent)


def observe(client: Any) -> None:
    """Have each request of a botocore client of DynamoDB recorded as a span."""
    if recorder() is not None:
        from chatkeep.tracing import dynamodb

        dynamodb.observe(client)
