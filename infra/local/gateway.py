"""API Gateway's own part of a request: routing, authorization, preflights, and the answers no function gives."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from infra.local import limits
from infra.local.events import Answer, Request, proxy_event
from infra.local.template import Api, Route, find_route

Claims = Mapping[str, Any]


class RefusedError(Exception):
    """A request that leads to no invocation; `kind` names the gateway response, and `reason` is for the log."""

    def __init__(self, kind: str, reason: str = "") -> None:
        super().__init__(kind)
        self.kind = kind
        self.reason = reason


class UnauthorizedError(RefusedError):
    """The request carries no token that the authorizer accepts."""

    def __init__(self, kind: str = "UNAUTHORIZED") -> None:
        super().__init__(kind)


@dataclass(frozen=True)
class Invocation:
    """A call of a function by the gateway, which waits for so many seconds from the request's receipt."""

    function: str
    event: dict[str, Any]
    seconds: float


@dataclass(frozen=True)
class _Response:
    """API Gateway's default status and message of a gateway response."""

    status: int
    message: str


_DEFAULTS = {
    "API_CONFIGURATION_ERROR": _Response(500, "Internal server error"),
    "BAD_REQUEST": _Response(400, "Bad Request"),
    "EXPIRED_TOKEN": _Response(401, "The incoming token has expired"),
    "INTEGRATION_FAILURE": _Response(502, "Internal server error"),
    "INTEGRATION_TIMEOUT": _Response(504, "Endpoint request timed out"),
    "MISSING_AUTHENTICATION_TOKEN": _Response(403, "Missing Authentication Token"),
    "REQUEST_TIMEOUT": _Response(408, "Request Timeout"),
    "REQUEST_TOO_LARGE": _Response(413, "Request Too Long"),
    "UNAUTHORIZED": _Response(401, "Unauthorized"),
}


class Gateway:
    """Routes a request or answers it. `authorize` takes the Authorization header and raises UnauthorizedError."""

    def __init__(self, api: Api, routes: list[Route], authorize: Callable[[str | None], Claims]) -> None:
        self.api = api
        self._routes = routes
        self._authorize = authorize

    def admit(self, request: Request) -> Invocation | Answer:
        """The request's invocation, or the gateway's own answer."""
        path = request.path.removesuffix("/")  # which a resource's path may have or not
        try:
            if any(character in request.query for character in "|{}"):  # API Gateway wants them percent-encoded
                raise RefusedError("BAD_REQUEST")
            if request.method == "OPTIONS" and self._is_preflight(path):
                return Answer(200, [*self.api.cors.items(), ("Content-Type", "application/json")], b"{}")
            found = find_route(self._routes, request.method, path)
            if found is None:
                raise RefusedError("MISSING_AUTHENTICATION_TOKEN")
            return self._invocation(request, *found)
        except RefusedError as refusal:
            return self.answer(refusal.kind, request.request_id)

    def _invocation(self, request: Request, route: Route, parameters: Mapping[str, str]) -> Invocation:
        claims = None if route.is_open else self._authorize(request.header("authorization"))
        event = proxy_event(
            request, resource=route.path, path_parameters=parameters, claims=claims, stage=self.api.stage
        )
        if limits.is_too_large(event):  # Lambda refuses it, and API Gateway answers as for a body over its own limit
            raise RefusedError("REQUEST_TOO_LARGE")
        return Invocation(route.function, event, route.seconds)

    def _is_preflight(self, path: str) -> bool:
        return bool(self.api.cors) and any(route.pattern.fullmatch(path) for route in self._routes)

    def answer(self, kind: str, request_id: str) -> Answer:
        """A gateway response: the template's, else API Gateway's default."""
        default = _DEFAULTS[kind]
        declared = self.api.responses.get(kind) or self.api.responses.get(f"DEFAULT_{default.status // 100}XX") or {}
        values = {
            "$context.error.messageString": json.dumps(default.message),
            "$context.error.message": default.message,
            "$context.error.responseType": kind,
            "$context.requestId": request_id,
        }
        templates = declared.get("ResponseTemplates") or {
            "application/json": '{"message":$context.error.messageString}'
        }
        content_type, body = next(iter(templates.items()))
        for name, value in values.items():
            body = body.replace(name, value)
        headers = {"Content-Type": content_type, "x-amzn-ErrorType": kind, **_constant_headers(declared)}
        return Answer(int(declared.get("StatusCode", default.status)), list(headers.items()), body.encode())


def _constant_headers(declared: Mapping[str, Any]) -> dict[str, str]:
    headers = declared.get("ResponseParameters", {}).get("Headers", {})
    return {name: value.strip("'") for name, value in headers.items()}
