"""Spans as OTLP in JSON, in requests of a size that endpoints take.

https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding
"""

import json
from collections.abc import Iterator, Sequence
from typing import Any

from opentelemetry.exporter.otlp.json.common.trace_encoder import encode_spans
from opentelemetry.sdk.trace import ReadableSpan

MOST_BYTES = 4_500_000
"""Of one request; X-Ray takes 5 MB."""


def bodies(spans: Sequence[ReadableSpan]) -> Iterator[bytes]:
    """As few requests as hold the spans."""
    body = json.dumps(_wordless(encode_spans(spans).to_dict())).encode()
    if len(body) <= MOST_BYTES or len(spans) == 1:
        yield body
    else:
        half = len(spans) // 2
        yield from bodies(spans[:half])
        yield from bodies(spans[half:])


def _wordless(request: dict[str, Any]) -> dict[str, Any]:
    """The request without what OpenTelemetry says of an error in a graph's own span, which is the error's words."""
    for resource in request["resourceSpans"]:
        for scope in resource["scopeSpans"]:
            for span in scope["spans"]:
                span.get("status", {}).pop("message", None)
    return request
