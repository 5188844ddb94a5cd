"""The HTTP clients of OpenAI's SDK: plain JSON in answer to a request for a stream is read as a stream of one chunk."""

import json
import re
from collections.abc import Mapping
from typing import Any

import openai
from httpx2 import RemoteProtocolError, Request, Response

STREAM = "text/event-stream"
EVENTS = (b"data:", b"event:", b":")
"""The beginnings of a stream: https://html.spec.whatwg.org/multipage/server-sent-events.html#parsing-an-event-stream"""
ASKS_FOR_STREAM = re.compile(rb'"stream":\s*true')


def as_chunk(whole: Mapping[str, Any]) -> dict[str, Any]:
    """A completion as the one chunk of a stream that says the same."""
    choices = whole.get("choices") or []
    return {**whole, "choices": [{**choice, "delta": choice.get("message") or {}} for choice in choices[:1]]}


def _as_stream(request: Request, response: Response) -> Response:
    """`response` as a stream, which it may be under another name. Raises RemoteProtocolError where it is neither
    that nor a completion: a proxy's page, say."""
    if response.content.lstrip().startswith(EVENTS):
        return response
    try:
        whole = json.loads(response.content)
        chunk = whole if whole.get("error") else as_chunk(whole)
    except (ValueError, AttributeError, KeyError, TypeError, RecursionError):
        raise RemoteProtocolError("the answer is neither a stream nor a completion", request=request) from None
    body = f"data: {json.dumps(chunk)}\n\ndata: [DONE]\n\n".encode()
    return Response(response.status_code, headers={"Content-Type": STREAM}, content=body, request=request)


def _is_whole(request: Request, response: Response) -> bool:
    """Whether a stream was asked for and something else came."""
    kind = response.headers.get("Content-Type", STREAM).partition(";")[0].strip().lower()
    return response.is_success and kind != STREAM and ASKS_FOR_STREAM.search(request.content) is not None


class Client(openai.DefaultHttpxClient):
    def send(self, request: Request, **options: Any) -> Response:
        response = super().send(request, **options)
        if _is_whole(request, response):
            response.read()
            return _as_stream(request, response)
        return response


class AsyncClient(openai.DefaultAsyncHttpxClient):
    async def send(self, request: Request, **options: Any) -> Response:
        response = await super().send(request, **options)
        if _is_whole(request, response):
            await response.aread()
            return _as_stream(request, response)
        return response
