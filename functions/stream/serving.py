"""The frame of each request of this function: the same deadline, ids, metrics and problems as the others have."""

import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from chatkeep.deadline import STREAM_SECONDS
from chatkeep.errors import BROKE, ChatkeepError, NotFoundError
from chatkeep.http import problems
from chatkeep.http.cors import CORS
from chatkeep.http.invocation import framed
from chatkeep.telemetry import metrics
from functions.stream.call import Call

Body = TypeVar("Body", bound=BaseModel)
Handle = Callable[[Call], Awaitable[Response]]
Show = Callable[[ChatkeepError, Mapping[str, str], int], Response]
"""Makes the answer that a problem is, with these headers and this status."""


def as_json(error: ChatkeepError, headers: Mapping[str, str], status: int) -> Response:
    """The problem as the other functions answer it."""
    body = {**error.as_problem(), "status": status}
    return Response(json.dumps(body), status, dict(headers), media_type=problems.CONTENT_TYPE)


def in_words(error: ChatkeepError, headers: Mapping[str, str], status: int) -> Response:
    """The problem's words alone: `useChat` shows the body of an error to the user as it is."""
    return PlainTextResponse(error.detail, status, headers)


@dataclass(frozen=True)
class Served:
    """An ASGI app for one route: `handle` gives the answer or raises; `show` makes an answer of a problem."""

    resource: str
    handle: Handle
    show: Show

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; a stream is within the frame until its end."""
        request = Request(scope, receive)
        try:
            call = await Call.read(request, self.resource)
        except ChatkeepError as error:  # nobody to tell of it: it has not come through the API
            await as_json(error, {}, error.status)(scope, receive, send)
            return
        try:
            with framed(call.event.raw_event, call.context, STREAM_SECONDS) as tell_status:
                response = await self._answer(call)
                response.headers.update(CORS.to_dict(request.headers.get("origin")))
                tell_status(response.status_code)
                await response(scope, receive, send)
        finally:
            metrics.flush_metrics()

    async def _answer(self, call: Call) -> Response:
        try:
            return await self.handle(call)
        except Exception as error:
            return self._problem(call, error)

    def _problem(self, call: Call, error: Exception) -> Response:
        found = problems.of(error)
        if found is None:
            problems.log_failure(error, call.event)
            return self.show(ChatkeepError(BROKE), {}, HTTPStatus.BAD_GATEWAY)
        return self.show(found, problems.reported(found, call.event), found.status)


async def broken(_: Request, __: Exception) -> Response:
    """Answer a request whose error came from outside of its route; the server logs it."""
    return as_json(ChatkeepError(BROKE), {}, HTTPStatus.BAD_GATEWAY)


def told(call: Call, error: Exception) -> ChatkeepError:
    """The problem with which a stream ends that has begun; it is counted and logged."""
    found = problems.of(error)
    if found is None:
        problems.log_failure(error, call.event)
        return ChatkeepError(BROKE)
    problems.reported(found, call.event)
    return found


def validated(model: type[Body], body: Mapping[str, Any], *place: str | int) -> Body:
    """The body, or the part of one at `place`, as `model` has it.

    Raises InvalidFieldError naming each field that is wrong.
    """
    try:
        return model.model_validate(body)
    except ValidationError as error:
        raise problems.of_fields([{**one, "loc": ("body", *place, *one["loc"])} for one in error.errors()]) from None


async def no_route(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer a request to no route of this function."""
    error = NotFoundError("there is no such route")
    await as_json(error, {}, error.status)(scope, receive, send)


class AsWritten:
    """Finds routes by the path as the client wrote it: the slash of `a%2Fstream` leads to no other one.

    As on the other functions' routes, a path may end with a slash.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on."""
        if scope["type"] == "http" and (raw := scope.get("raw_path")):
            scope = {**scope, "path": raw.partition(b"?")[0].decode("latin-1").removesuffix("/")}
        await self._app(scope, receive, send)
