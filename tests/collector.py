"""A receiver of spans by OTLP over HTTP, like an OpenTelemetry collector, that can be made to fail."""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from chatkeep import tracing
from chatkeep.settings import settings
from chatkeep.telemetry import correlation

VALUES = {"stringValue": str, "intValue": int, "doubleValue": float, "boolValue": bool}


@dataclass(frozen=True)
class Received:
    """One span; `began` is in nanoseconds."""

    name: str
    kind: int
    trace_id: str
    span_id: str
    parent_id: str | None
    failed: bool
    attributes: dict[str, Any]
    resource: dict[str, Any]
    events: list[Any]
    began: int


@dataclass
class Collector:
    """How the collector answers and which requests it got: raw `bodies`, and `peers`, the ports of their senders."""

    url: str = ""
    status: int = 200
    seconds: float = 0
    trickles: bool = False
    bodies: list[bytes] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    peers: list[int] = field(default_factory=list)

    @property
    def spans(self) -> list[Received]:
        return [span for body in self.bodies for span in _spans(json.loads(body))]

    def named(self, name: str) -> Received:
        """The one span of that name."""
        (found,) = [one for one in self.spans if one.name == name]
        return found

    def tree(self) -> dict[str, Any]:
        """The spans' names, nested like the spans; those whose parent is elsewhere are outermost."""
        spans = self.spans
        known = {one.span_id for one in spans}
        return _below([one for one in spans if one.parent_id not in known], spans)


def _below(outer: list[Received], spans: list[Received]) -> dict[str, Any]:
    return {one.name: _below([each for each in spans if each.parent_id == one.span_id], spans) for one in outer}


def _spans(request: dict[str, Any]) -> Iterator[Received]:
    """https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding"""
    for resource in request["resourceSpans"]:
        described = _attributes(resource["resource"])
        for one in (span for scope in resource["scopeSpans"] for span in scope["spans"]):
            yield Received(
                one["name"],
                one["kind"],
                one["traceId"],
                one["spanId"],
                one.get("parentSpanId"),
                one.get("status", {}).get("code") == 2,
                _attributes(one),
                described,
                [*one.get("events", ()), one.get("status", {}).get("message")],
                int(one["startTimeUnixNano"]),
            )


def _attributes(holder: dict[str, Any]) -> dict[str, Any]:
    return {one["key"]: _value(one["value"]) for one in holder.get("attributes", ())}


def _value(value: dict[str, Any]) -> Any:
    if "arrayValue" in value:
        return [_value(one) for one in value["arrayValue"].get("values", ())]
    ((kind, held),) = value.items()
    return VALUES[kind](held)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    collector: Collector

    def do_POST(self) -> None:
        collector = self.collector
        collector.headers.append({name.lower(): value for name, value in self.headers.items()})
        collector.peers.append(self.client_address[1])
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.path == "/v1/traces":
            collector.bodies.append(body)
        time.sleep(collector.seconds)
        self.send_response(collector.status)
        self.send_header("Content-Length", "40" if collector.trickles else "2")
        self.end_headers()
        for _ in range(20 if collector.trickles else 1):
            self.wfile.write(b"{}")
            time.sleep(0.2 if collector.trickles else 0)

    def log_message(self, *_: Any) -> None:
        pass


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: Any) -> None:
        """Ignores clients that hang up in the middle."""


@contextmanager
def tracing_here(environment: pytest.MonkeyPatch) -> Iterator[Collector]:
    """This process with tracing on; its spans go to the collector."""
    with collecting() as collector, environment.context() as changed:
        changed.delenv(correlation.XRAY_HEADER, raising=False)
        changed.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url)
        _forget()
        yield collector
    _forget()


def _forget() -> None:
    settings.cache_clear()
    tracing.recorder.cache_clear()


@contextmanager
def collecting() -> Iterator[Collector]:
    """A collector at `url` as long as the context lasts."""
    collector = Collector()
    server = _Server(("127.0.0.1", 0), type("Handler", (_Handler,), {"collector": collector}))
    collector.url = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    try:
        yield collector
    finally:
        server.shutdown()
        server.server_close()
