"""A client of the API that runs the functions in this process, behind the gateway of template.yaml."""

import importlib
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache, cached_property
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote, urlencode

from infra.local import limits
from infra.local.adapter import statuses
from infra.local.events import Answer, LambdaContext, Request, answer_of
from infra.local.gateway import Claims, Gateway, Invocation, UnauthorizedError
from infra.local.stack import Stack
from infra.local.template import Function, load_api, load_functions, load_routes
from tests import adapter, contract, permissions

IN_GROUPS = " in the groups "
CALLED = " called "
IDLE = {"running_turn_id": None}
"""What a GET of one session says beside what other answers do, where no turn runs."""
STACK = Stack(Path(__file__).parents[1] / "template.yaml", {})


@dataclass(frozen=True)
class Response:
    """A response of the API."""

    answer: Answer

    @property
    def status(self) -> int:
        return self.answer.status

    @property
    def text(self) -> str:
        return self.answer.body.decode()

    @cached_property
    def json(self) -> Any:
        return json.loads(self.answer.body)

    @property
    def headers(self) -> dict[str, str]:
        """Header values by name in lower case."""
        return {name.lower(): value for name, value in self.answer.headers}


@cache
def _functions() -> dict[str, Function]:
    return load_functions(STACK)


@cache
def _permissions() -> dict[str, permissions.Permissions]:
    return permissions.granted(STACK)


@cache
def _gateway() -> Gateway:
    return Gateway(load_api(STACK), load_routes(STACK), _claims)


def _claims(authorization: str | None) -> Claims:
    """The bearer token is the user's id, groups and name: the authorizer itself is tested with the local runner."""
    if authorization is None:
        raise UnauthorizedError
    user_id, _, more = authorization.removeprefix("Bearer ").partition(IN_GROUPS)
    groups, _, name = more.partition(CALLED)
    named = {"name": unquote(name)} if name else {}
    return {"sub": user_id, "token_use": "id", "cognito:groups": groups.split(","), **named}


@dataclass(frozen=True)
class Client:
    """Requests of one user, or of nobody. A handler's error reaches the test, and every answer is checked against
    the API's document. Of a stream the answer is the whole, and its error a 502."""

    user_id: str | None
    deadline_seconds: float | None = None
    age_seconds: float = 0
    groups: str = "reporters"
    name: str = ""

    def as_user(self, user_id: str) -> "Client":
        return replace(self, user_id=user_id)

    def in_groups(self, groups: str) -> "Client":
        """The same client, with its user in these comma-separated groups of the pool."""
        return replace(self, groups=groups)

    def called(self, name: str) -> "Client":
        """The same client, whose user has this name."""
        return replace(self, name=name)

    def anonymous(self) -> "Client":
        return Client(None)

    def with_deadline(self, seconds: float) -> "Client":
        """The same client, whose functions have this time-out instead of the template's."""
        return replace(self, deadline_seconds=seconds)

    def after(self, seconds: float) -> "Client":
        """The same client, whose requests reach the gateway so many seconds before their function starts."""
        return replace(self, age_seconds=seconds)

    def get(self, path: str, **options: Any) -> Response:
        return self.request("GET", path, **options)

    def post(self, path: str, **options: Any) -> Response:
        return self.request("POST", path, **options)

    def put(self, path: str, **options: Any) -> Response:
        return self.request("PUT", path, **options)

    def patch(self, path: str, **options: Any) -> Response:
        return self.request("PATCH", path, **options)

    def delete(self, path: str, **options: Any) -> Response:
        return self.request("DELETE", path, **options)

    def request(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        json: Any = None,
        body: bytes | str | None = None,
    ) -> Response:
        """One request; `json` is sent as JSON, `body` as it is, and `path` may carry a query string of its own."""
        sent = dict(headers or {})
        if self.user_id is not None:
            called = f"{CALLED}{quote(self.name)}" if self.name else ""
            sent.setdefault("Authorization", f"Bearer {self.user_id}{IN_GROUPS}{self.groups}{called}")
        content = _content(json, body)
        if content:
            sent.setdefault("Content-Type", "application/json")
        path, _, query = path.partition("?")
        if params:
            query = urlencode(params, doseq=True)
        received_at = time.time() - self.age_seconds
        return self._send(Request(method, path, query, list(sent.items()), content, received_at=received_at))

    def _send(self, request: Request) -> Response:
        admitted = _gateway().admit(request)
        if isinstance(admitted, Answer):
            return Response(admitted)
        function = _functions()[admitted.function]
        response = Response(self._stream(function, admitted) if function.is_web else answer_of(self.invoke(admitted)))
        contract.check(
            request.method,
            admitted.event["resource"],
            response.status,
            response.headers,
            response.answer.body,
        )
        return response

    def _stream(self, function: Function, invocation: Invocation) -> Answer:
        app = importlib.import_module(function.module).app
        with permissions.only(_permissions()[function.name]):
            response = adapter.answer_of(app, invocation.event, self.deadline_seconds or function.timeout_seconds)
        if response.status_code in statuses(function.environment["AWS_LWA_ERROR_STATUS_CODES"]):
            return _gateway().answer("INTEGRATION_FAILURE", invocation.event["requestContext"]["requestId"])
        return Answer(response.status_code, list(response.headers.items()), response.content)

    def invoke(self, invocation: Invocation) -> Any:
        """The handler's own result for an event. Raises ResultTooLargeError if Lambda would not pass it on."""
        function = _functions()[invocation.function]
        module, _, name = function.handler.rpartition(".")
        request_id = invocation.event["requestContext"]["requestId"]
        deadline = time.monotonic() + (self.deadline_seconds or function.timeout_seconds)
        context = LambdaContext(function.name, request_id, deadline, function.memory_mb)
        handler = getattr(importlib.import_module(module), name)
        with permissions.only(_permissions()[function.name]):
            result = handler(invocation.event, context)
        limits.check(result)
        return result


def _content(value: Any, body: bytes | str | None) -> bytes:
    if body is not None:
        return body.encode() if isinstance(body, str) else body
    return b"" if value is None else json.dumps(value).encode()
