"""The frame of each invocation of a function: its deadline, its ids, its span."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import partial, wraps
from http import HTTPStatus
from itertools import chain, repeat
from typing import Any

from chatkeep import deadline, tracing
from chatkeep.deadline import GATEWAY_SECONDS
from chatkeep.telemetry import correlation, metrics
from chatkeep.tracing import Kind

Handler = Callable[[dict[str, Any], Any], Any]
_colds = chain([True], repeat(False))
tracing.recorder()  # what it imports belongs to the start of a process, not to its first request


def invoked(handler: Handler) -> Handler:
    """`handler` as Lambda calls it: held to its deadline, with the request's ids on its lines, and with its span."""

    @wraps(handler)
    def serve(event: dict[str, Any], context: Any) -> Any:
        with framed(event, context) as tell_status:
            result = handler(event, context)
            if isinstance(result, dict) and "statusCode" in result:
                tell_status(result["statusCode"])
            return result

    return serve


@contextmanager
def framed(
    event: Mapping[str, Any], context: Any, gateway_seconds: float = GATEWAY_SECONDS
) -> Iterator[Callable[[int], None]]:
    """The same frame around the code within, which tells the status of its answer."""
    with ExitStack() as around:
        around.enter_context(deadline.kept(event, context, gateway_seconds))
        ids = around.enter_context(correlation.kept(event, context))
        span = around.enter_context(tracing.request(*_described(event, context)))
        if span.trace_id:
            correlation.join(span.trace_id)
        span.tell({"chatkeep.request_id": ids.request_id})
        metrics.add_metadata("request_id", ids.request_id)
        yield partial(_tell_status, span)


def _described(event: Mapping[str, Any], context: Any) -> tuple[str, Kind, dict[str, Any]]:
    """The span's name, kind and attributes; the address itself may hold anything.

    https://opentelemetry.io/docs/specs/semconv/faas/faas-spans/
    """
    attributes = {"faas.invocation_id": str(context.aws_request_id), "faas.coldstart": next(_colds)}
    if "jobs" in event:
        return "jobs", Kind.INTERNAL, {**attributes, "faas.trigger": "other"}
    if "httpMethod" not in event:
        return "scheduled run", Kind.INTERNAL, {**attributes, "faas.trigger": "timer"}
    method, route = event["httpMethod"], event["resource"]
    http = {"faas.trigger": "http", "http.request.method": method, "http.route": route, "url.scheme": "https"}
    return f"{method} {route}", Kind.SERVER, {**attributes, **http}


def _tell_status(span: tracing.Span, status: int) -> None:
    span.tell({"http.response.status_code": status})
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        span.fail(str(status))
