"""The API as one user sees it, with the functions in this process."""

import importlib
import json
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from infra.local.demo.told_time import ToldTime
from infra.local.events import Answer, LambdaContext, Request, answer_of
from infra.local.gateway import Claims, Gateway
from infra.local.stack import Stack
from infra.local.template import Function, load_api, load_functions, load_routes


class RefusedError(Exception):
    """The API refused what the story has its user do."""


@dataclass(frozen=True)
class InProcess:
    """Requests of a user at the told time."""

    gateway: Gateway
    functions: dict[str, Function]
    time: ToldTime

    @classmethod
    def of(cls, stack: Stack, user: str, time: ToldTime) -> "InProcess":
        def claims(_: str | None) -> Claims:
            return {"sub": user, "token_use": "id"}

        return cls(Gateway(load_api(stack), load_routes(stack), claims), load_functions(stack), time)

    def send(self, method: str, path: str, body: Any = None, *, may_fail: bool = False) -> Any:
        """The answer's JSON. Raises RefusedError for a problem, unless it `may_fail`."""
        content = b"" if body is None else json.dumps(body).encode()
        headers = [("Content-Type", "application/json")] if content else []
        at = self.time.instant.timestamp()
        admitted = self.gateway.admit(Request(method, path, "", headers, content, received_at=at))
        if isinstance(admitted, Answer):
            raise RefusedError(f"{method} {path}: {admitted.body.decode()}")
        function = self.functions[admitted.function]
        module, _, name = function.handler.rpartition(".")
        deadline = self.time.moment() + function.timeout_seconds
        request_id = admitted.event["requestContext"]["requestId"]
        context = LambdaContext(function.name, request_id, deadline, function.memory_mb)
        answer = answer_of(getattr(importlib.import_module(module), name)(admitted.event, context))
        if answer.status >= HTTPStatus.BAD_REQUEST and not may_fail:
            raise RefusedError(f"{method} {path}: {answer.body.decode()}")
        return json.loads(answer.body)
