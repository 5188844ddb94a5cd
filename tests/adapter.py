"""A stand-in for the Lambda Web Adapter: starts a function's script as its wrapper does, and passes events on.

https://github.com/awslabs/aws-lambda-web-adapter
"""

import asyncio
import base64
import json
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import httpx

SECONDS = 900
OWN = ("connection", "content-length", "x-amzn-lambda-context", "x-amzn-request-context")
_PAUSE_SECONDS = 0.01
"""The adapter's, between two questions whether the app is ready."""


@dataclass(frozen=True)
class Adapted:
    """A function's server that is ready at `url`."""

    url: str
    process: subprocess.Popen[bytes]

    def invoke(self, event: Mapping[str, Any]) -> httpx.Response:
        """The whole response to an event of the API."""
        with self.streaming(event) as response:
            response.read()
            return response

    @contextmanager
    def streaming(self, event: Mapping[str, Any]) -> Iterator[httpx.Response]:
        """The response as it comes; the connection is cut where the context is left before its end."""
        with passed_on(self.url, event) as response:
            yield response

    def end(self) -> int:
        """Ask the server to end, as Lambda does. Returns its exit status."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(30)


@contextmanager
def passed_on(url: str, event: Mapping[str, Any]) -> Iterator[httpx.Response]:
    """The response to the request that the adapter makes of an event, at a server of the app."""
    with httpx.Client(timeout=60) as client:
        response = client.send(request_of(url, event), stream=True)
        try:
            yield response
        finally:
            response.close()


def answer_of(app: Any, event: Mapping[str, Any], seconds: float = SECONDS) -> httpx.Response:
    """The whole response of an app in this process to an event of the API."""

    async def send() -> httpx.Response:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app)) as client:
            return await client.send(request_of("http://app", event, seconds))

    return asyncio.run(send())


def request_of(url: str, event: Mapping[str, Any], seconds: float = SECONDS) -> httpx.Request:
    """The adapter's request for an event of the API, which the function has so many seconds to answer."""
    query = urlencode(event["multiValueQueryStringParameters"] or {}, doseq=True)
    body = event["body"] or ""
    return httpx.Request(
        event["httpMethod"],
        f"{url}{event['path']}" + (f"?{query}" if query else ""),
        headers=_headers(event, seconds),
        content=base64.b64decode(body) if event["isBase64Encoded"] else body.encode(),
    )


def _headers(event: Mapping[str, Any], seconds: float) -> list[tuple[str, bytes]]:
    """The client's, with the adapter's two in place of any that the client sent by their names."""
    now = time.time_ns() // 1_000_000
    given = (event["multiValueHeaders"] or {}).items()
    invocation = {"request_id": event["requestContext"]["requestId"], "deadline": now + round(seconds * 1000)}
    return [
        *((name, value.encode()) for name, values in given for value in values if name.lower() not in OWN),
        ("x-amzn-request-context", json.dumps(event["requestContext"] | {"requestTimeEpoch": now}).encode()),
        ("x-amzn-lambda-context", json.dumps(invocation).encode()),
    ]


@contextmanager
def adapting(script: Path, task_root: Path, variables: Mapping[str, str]) -> Iterator[Adapted]:
    """The server of the function that Lambda has at `task_root`, once it is ready."""
    process = subprocess.Popen([script], cwd=task_root, env={**variables, "LAMBDA_TASK_ROOT": str(task_root)})
    url = f"http://127.0.0.1:{variables['AWS_LWA_PORT']}"
    try:
        _wait_until_ready(process, url + variables["AWS_LWA_READINESS_CHECK_PATH"])
        yield Adapted(url, process)
    finally:
        process.kill()
        process.wait()


def _wait_until_ready(process: subprocess.Popen[bytes], url: str) -> None:
    """Raises AssertionError when the app ends first, or takes longer than a busy machine may need."""
    deadline = time.monotonic() + 120
    while not _is_ready(url):
        assert process.poll() is None, "the server ended"
        assert time.monotonic() < deadline, "the server does not become ready"
        time.sleep(_PAUSE_SECONDS)


def _is_ready(url: str) -> bool:
    try:
        return 100 <= httpx.get(url, timeout=5).status_code < 500
    except httpx.TransportError:
        return False
