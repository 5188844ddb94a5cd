"""A request as the Lambda Web Adapter passes it on: the event that the other functions get, made of its two headers.

The adapter sets both headers itself, in place of any that a client has sent by their names:
https://github.com/awslabs/aws-lambda-web-adapter
"""

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from urllib.parse import unquote

from aws_lambda_powertools.utilities.data_classes import APIGatewayProxyEvent
from starlette.requests import Request

from chatkeep import ids
from chatkeep.errors import UnauthorizedError
from chatkeep.http import bodies
from chatkeep.http.caller import user_id

REQUEST_CONTEXT = "x-amzn-request-context"
LAMBDA_CONTEXT = "x-amzn-lambda-context"
INTERNAL = (REQUEST_CONTEXT, LAMBDA_CONTEXT)


@dataclass(frozen=True)
class InvocationContext:
    """The invocation of Lambda that carries the request; `deadline` is in milliseconds since the epoch."""

    aws_request_id: str
    deadline: int

    def get_remaining_time_in_millis(self) -> int:
        """Milliseconds until Lambda kills the function."""
        return max(0, self.deadline - time.time_ns() // 1_000_000)


@dataclass(frozen=True)
class Call:
    """One request to a route of this function, whole."""

    event: APIGatewayProxyEvent
    context: InvocationContext
    body: bytes

    @classmethod
    async def read(cls, request: Request, resource: str) -> "Call":
        """Raises UnauthorizedError for a request that has not come through the adapter."""
        try:
            about, invocation = _json(request, REQUEST_CONTEXT), _json(request, LAMBDA_CONTEXT)
            context = InvocationContext(str(invocation["request_id"]), int(invocation["deadline"]))
        except (KeyError, TypeError, ValueError):
            raise UnauthorizedError("the request did not come through the API") from None
        event = {
            "httpMethod": request.method,
            "resource": resource,
            "path": request.scope["path"],
            "pathParameters": dict(request.path_params),
            "headers": {name: value for name, value in request.headers.items() if name not in INTERNAL},
            "requestContext": about,
        }
        return cls(APIGatewayProxyEvent(event), context, await request.body())

    @cached_property
    def user_id(self) -> str:
        """Raises UnauthorizedError."""
        return user_id(self.event)

    @property
    def session_id(self) -> str:
        """The stored id of the session in the path."""
        return ids.of_session(self.user_id, self.in_path("session_id"))

    def in_path(self, name: str) -> str:
        """A part of the path, decoded: the event has it as the client wrote it."""
        return unquote(self.event.path_parameters[name])

    @cached_property
    def json(self) -> dict[str, Any]:
        """The object in the body. Raises InvalidFieldError."""
        return bodies.read(self.event.headers.get("Content-Type"), lambda: bodies.parsed(self.body.decode() or "null"))


def _json(request: Request, name: str) -> Mapping[str, Any]:
    # Starlette reads headers as Latin-1; the adapter writes UTF-8.
    value = json.loads(request.headers[name].encode("latin-1"))
    if not isinstance(value, dict):
        raise TypeError(name)
    return value
