"""The Lambda Web Adapter's part: an event becomes a request of the function's web server, its response a stream.

https://github.com/awslabs/aws-lambda-web-adapter, `fetch_response` in src/lib.rs
"""

import asyncio
import base64
import json
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import h11

from infra.local.events import ACCOUNT_ID
from infra.local.failures import WorkerFailedError, ended
from infra.local.headers import Pairs, for_client
from infra.local.web_app import WebApp

REQUEST_CONTEXT = "x-amzn-request-context"
LAMBDA_CONTEXT = "x-amzn-lambda-context"
"""The adapter's headers, which replace a client's of these names."""
_OWN = {REQUEST_CONTEXT, LAMBDA_CONTEXT, "connection", "content-length", "transfer-encoding"}
_FRAMING = {"connection", "content-length", "transfer-encoding"}
_CHUNK = 64 * 1024


@dataclass(frozen=True)
class Streamed:
    """A response whose body comes in `pieces`, until `ends_at` of the loop's clock; `close` tells the server to stop.

    The next piece raises ConnectionError where the server breaks off.
    """

    status: int
    headers: Pairs
    pieces: AsyncIterator[bytes]
    close: Callable[[], None]
    ends_at: float


class Adapter:
    """Passes requests on to one function's server."""

    def __init__(self, app: WebApp) -> None:
        self.app = app
        self._failing = frozenset(statuses(app.function.environment.get("AWS_LWA_ERROR_STATUS_CODES", "")))

    async def answer(self, event: dict[str, Any], request_id: str, ends_at: float) -> Streamed:
        """The response, once its head is there. Raises WorkerFailedError."""
        exchange = _Exchange(*await self.app.connect(request_id))
        try:
            head = await exchange.begin(self._request(event, request_id), _body(event))
            if head.status_code in self._failing:
                raise WorkerFailedError(ended("Runtime.Unknown", request_id, f"the app answered {head.status_code}"))
            headers = [(name.decode(), value.decode("latin-1")) for name, value in head.headers]
            kept = for_client((name, value) for name, value in headers if name not in _FRAMING)
        except (OSError, h11.ProtocolError) as error:
            exchange.close()
            await self.app.broken_off()
            raise WorkerFailedError(ended("Runtime.ExitError", request_id, str(error))) from error
        except BaseException:
            exchange.close()
            raise
        return Streamed(head.status_code, kept, self._pieces(exchange), exchange.close, ends_at)

    async def _pieces(self, exchange: "_Exchange") -> AsyncIterator[bytes]:
        try:
            async for piece in exchange.pieces():
                yield piece
        except (OSError, h11.ProtocolError) as error:
            await self.app.broken_off()
            raise ConnectionAbortedError("the function's server broke off") from error

    def _request(self, event: dict[str, Any], request_id: str) -> h11.Request:
        given = [(name, value) for name, values in (event["multiValueHeaders"] or {}).items() for value in values]
        headers = [(name, value.encode("latin-1")) for name, value in given if name.lower() not in _OWN]
        headers += [] if any(name.lower() == "host" for name, _ in headers) else [("host", b"localhost")]
        headers += [
            (REQUEST_CONTEXT, _json(event["requestContext"])),
            (LAMBDA_CONTEXT, _json(self._context(request_id))),
            ("content-length", str(len(_body(event))).encode()),
            ("connection", b"close"),
        ]
        query = urlencode(event["multiValueQueryStringParameters"] or {}, doseq=True)
        return h11.Request(
            method=event["httpMethod"], target=event["path"] + (f"?{query}" if query else ""), headers=headers
        )

    def _context(self, request_id: str) -> dict[str, Any]:
        """Lambda's context, as the adapter's runtime writes it."""
        function = self.app.function
        return {
            "request_id": request_id,
            "deadline": int((time.time() + function.timeout_seconds) * 1000),
            "invoked_function_arn": f"arn:aws:lambda:us-east-1:{ACCOUNT_ID}:function:{function.name}",
            "xray_trace_id": "",
            "client_context": None,
            "identity": None,
            "env_config": {
                "function_name": function.name,
                "memory": function.memory_mb,
                "version": "$LATEST",
                "log_stream": "local",
                "log_group": f"/aws/lambda/{function.name}",
            },
        }


class _Exchange:
    """One request and its response, on a connection of their own."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._machine = h11.Connection(h11.CLIENT, _CHUNK)

    async def begin(self, request: h11.Request, body: bytes) -> h11.Response:
        """The head of the response. Raises OSError, ProtocolError."""
        events = (request, h11.Data(data=body), h11.EndOfMessage())
        self._writer.write(b"".join(self._machine.send(event) or b"" for event in events))
        await self._writer.drain()
        while not isinstance(event := await self._event(), h11.Response):
            pass
        return event

    async def pieces(self) -> AsyncIterator[bytes]:
        """The body as it comes. Raises OSError, ProtocolError."""
        while isinstance(event := await self._event(), h11.Data):
            yield bytes(event.data)

    def close(self) -> None:
        """End the connection, which a server that is still answering notices."""
        self._writer.close()

    async def _event(self) -> Any:
        while (event := self._machine.next_event()) is h11.NEED_DATA:
            self._machine.receive_data(await self._reader.read(_CHUNK))
        return event


def _json(value: dict[str, Any]) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode(errors="replace")


def _body(event: dict[str, Any]) -> bytes:
    body: str = event["body"] or ""
    return base64.b64decode(body) if event["isBase64Encoded"] else body.encode()


def statuses(text: str) -> set[int]:
    """The statuses of a text such as `500,502-504`."""
    ranges = [part.partition("-") for part in text.split(",") if part.strip()]
    return {status for first, _, last in ranges for status in range(int(first), int(last or first) + 1)}
