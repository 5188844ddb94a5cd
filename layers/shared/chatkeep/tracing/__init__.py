"""Spans of a request's trace. Without an endpoint to send them to, each of these functions does nothing.

Nothing but this package knows OpenTelemetry, and it imports that only where there is an endpoint. Attributes never hold
words of a conversation or of an error.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING

from chatkeep.settings import settings
from chatkeep.telemetry import logger
from chatkeep.telemetry.log_lines import named
from chatkeep.tracing.spans import NOTHING, Attributes, Kind, Span

if TYPE_CHECKING:
    from chatkeep.tracing.recording import Recorder

__all__ = ["NOTHING", "Attributes", "Kind", "Span", "begin", "recorder", "request", "span"]


@cache
def recorder() -> "Recorder | None":
    """The recorder of this process's spans; None where nobody wants them, or where OpenTelemetry cannot be had."""
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
