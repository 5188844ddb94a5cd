"""Spans as OpenTelemetry's SDK records them, kept until the request is over."""

import os
from collections import deque
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, SpanLimits, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.sampling import DEFAULT_OFF, DEFAULT_ON, Sampler
from opentelemetry.trace import NonRecordingSpan, SpanContext, Status, StatusCode, TraceFlags

from chatkeep.telemetry.correlation import xray_header
from chatkeep.telemetry.log_lines import named
from chatkeep.tracing.sending import Sender
from chatkeep.tracing.spans import Attributes, Kind, Span

MOST_SPANS = 2000
"""Kept of one request; of more, those that ended first are lost, so that the whole of it never is."""
LIMITS = SpanLimits(max_attribute_length=500, max_span_attributes=64, max_links=8, max_link_attributes=8, max_events=0)
"""Of a graph's own spans, which may say anything: X-Ray takes 200 KB of one. Events hold the words of errors."""
VARIABLES = {
    "service.name": "POWERTOOLS_SERVICE_NAME",
    "service.namespace": "POWERTOOLS_METRICS_NAMESPACE",
    "cloud.region": "AWS_REGION",
    "faas.name": "AWS_LAMBDA_FUNCTION_NAME",
    "faas.version": "AWS_LAMBDA_FUNCTION_VERSION",
}


class Finished(SpanProcessor):
    """Keeps the spans that have ended. No thread sends them: Lambda freezes the process after each request."""

    def __init__(self) -> None:
        self._spans: deque[ReadableSpan] = deque(maxlen=MOST_SPANS)

    def on_end(self, span: ReadableSpan) -> None:
        context = span.get_span_context()
        if context is not None and context.trace_flags.sampled:
            self._spans.append(span)

    def take(self) -> list[ReadableSpan]:
        """Those kept, which are forgotten."""
        taken: list[ReadableSpan] = []
        while self._spans:
            taken.append(self._spans.popleft())
        return taken


class Recorded(Span):
    """A span of OpenTelemetry's."""

    def __init__(self, span: trace.Span) -> None:
        self.own = span
        self.trace_id = trace.format_trace_id(span.get_span_context().trace_id)
        self.failed = False

    def tell(self, attributes: Attributes) -> None:
        self.own.set_attributes(_known(attributes))

    def fail(self, kind: str) -> None:
        self.failed = True
        self.own.set_attribute("error.type", kind)
        self.own.set_status(Status(StatusCode.ERROR))

    def end(self) -> None:
        self.own.end()


class Recorder:
    """Records spans and has them sent. A graph's own spans by OpenTelemetry's API join them."""

    def __init__(self, sender: Sender) -> None:
        self._finished, self._sender = Finished(), sender
        described = {name: os.environ[variable] for name, variable in VARIABLES.items() if os.environ.get(variable)}
        self._resource = Resource({"cloud.provider": "aws", **described})
        self._requests = self._provider(DEFAULT_ON).get_tracer("chatkeep")
        # A thread that knows no request cannot know whether that is sampled.
        within_requests = self._provider(DEFAULT_OFF)
        self._tracer = within_requests.get_tracer("chatkeep")
        trace.set_tracer_provider(within_requests)

    def _provider(self, sampler: Sampler) -> TracerProvider:
        """`sampler` decides on spans without a parent; others are sampled as theirs is."""
        made = TracerProvider(sampler, self._resource, shutdown_on_exit=False, span_limits=LIMITS)
        made.add_span_processor(self._finished)
        return made

    def invocation(self, name: str, kind: Kind, attributes: Attributes) -> AbstractContextManager[Recorded]:
        return self._around(self._requests, name, kind, attributes, _lambdas_own())

    def around(self, name: str, kind: Kind, attributes: Attributes) -> AbstractContextManager[Recorded]:
        return self._around(self._tracer, name, kind, attributes)

    @contextmanager
    def _around(
        self, tracer: trace.Tracer, name: str, kind: Kind, attributes: Attributes, context: Context | None = None
    ) -> Iterator[Recorded]:
        with tracer.start_as_current_span(
            name,
            context,
            kind=trace.SpanKind[kind],
            attributes=_known(attributes),
            record_exception=False,  # with its words
            set_status_on_exception=False,
        ) as own:
            span = Recorded(own)
            try:
                yield span
            except BaseException as error:
                if not span.failed:
                    span.fail(named(error))
                raise

    def begin(self, name: str, kind: Kind, attributes: Attributes, parent: Span) -> Recorded:
        context = trace.set_span_in_context(parent.own) if isinstance(parent, Recorded) else None
        return Recorded(
            self._tracer.start_span(name, context, kind=trace.SpanKind[kind], attributes=_known(attributes))
        )

    def send(self) -> None:
        """Send what has ended, for a second at most."""
        if spans := self._finished.take():
            self._sender.send(spans)


def _known(attributes: Attributes) -> dict[str, Any]:
    return {name: value for name, value in attributes.items() if value is not None}


def _lambdas_own() -> Context:
    """A context with Lambda's span of this invocation, or an empty one, as no other request's may be a parent."""
    header = xray_header()
    try:
        version, seconds, rest = header["Root"].split("-")
        trace_id, span_id = int(seconds + rest, 16), int(header["Parent"], 16)
    except (KeyError, ValueError):
        return Context()
    flags = TraceFlags.DEFAULT if header.get("Sampled") == "0" else TraceFlags.SAMPLED
    parent = SpanContext(trace_id, span_id, is_remote=True, trace_flags=TraceFlags(flags))
    if version != "1" or not parent.is_valid:
        return Context()
    return trace.set_span_in_context(NonRecordingSpan(parent), Context())
