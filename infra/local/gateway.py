"""API Gateway's own part of a request: routing, authorization, preflights, and the answers no function gives."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from infra.local import limits
from infra.local.events import Answer, Request, proxy_event
from infra.local.template import Api, Route, find_route

MAX_BODY_BYTES = 10 * 1024 * 1024
Claims = Mapping[str, Any]


class UnauthorizedError(Exception):
    """The request carries no token that the authorizer accepts; `kind` names the gateway response."""

    def __init__(self, kind: str = "UNAUTHORIZED") -> None:
        super().__init__(kind)
        self.kind = kind


@dataclass(frozen=True)
class Invocation:
    """What the gateway asks of a function."""

    function: str
    event: dict[str, Any]


@dataclass(frozen=True)
class _Response:
    """A gateway response's status and message as API Gateway has them where a template says nothing else."""

    status: int
    message: str


_DEFAULTS = {
    "EXPIRED_TOKEN": _Response(401, "The incoming token has expired"),
    "INTEGRATION_FAILURE": _Response(502, "Internal server error"),
    "INTEGRATION_TIMEOUT": _Response(504, "Endpoint request timed out"),
    "MISSING_AUTHENTICATION_TOKEN": _Response(403, "Missing Authentication Token"),
    "REQUEST_TOO_LARGE": _Response(413, "Request Too Long"),
    "UNAUTHORIZED": _Response(401, "Unauthorized"),
}


class Gateway:
    """Decides what becomes of a request. `authorize` takes the Authorization header and raises UnauthorizedError."""

    def __init__(self, api: Api, routes: list[Route], authorize: Callable[[str | None], Claims]) -> None:
        self.api = api
        self._routes = routes
        self._authorize = authorize

    def admit(self, request: Request) -> Invocation | Answer:
        """The invocation that the request leads to, or the answer that the gateway gives by itself."""
        if request.method == "OPTIONS" and self._is_preflight(request):
            return Answer(200, [*self.api.cors.items(), ("Content-Type", "application/json")], b"{}")
        found = find_route(self._routes, request.method, request.path)
        if found is None:
            return self.answer("MISSING_AUTHENTICATION_TOKEN", request)
        route, parameters = found
        try:
            claims = None if route.is_open else self._authorize(request.header("authorization"))
        except UnauthorizedError as refusal:
            return self.answer(refusal.kind, request)
        if len(request.body) > MAX_BODY_BYTES:
            return self.answer("REQUEST_TOO_LARGE", request)
        event = proxy_event(
            request, resource=route.path, path_parameters=parameters, claims=claims, stage=self.api.stage
        )
        if limits.is_too_large(event):  # Lambda refuses it, and API Gateway answers as for a body over its own limit
            return self.answer("REQUEST_TOO_LARGE", request)
        return Invocation(route.function, event)

    def _is_preflight(self, request: Request) -> bool:
        return bool(self.api.cors) and any(route.pattern.fullmatch(request.path) for route in self._routes)

    def answer(self, kind: str, request: Request) -> Answer:
        """A gateway response: as the template writes it, else as API Gateway does."""
        default = _DEFAULTS[kind]
        declared = self.api.responses.get(kind) or self.api.responses.get(f"DEFAULT_{default.status // 100}XX") or {}
        values = {
            "$context.error.messageString": json.dumps(default.message),
            "$context.error.message": default.message,
            "$context.error.responseType": kind,
            "$context.requestId": request.request_id,
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
