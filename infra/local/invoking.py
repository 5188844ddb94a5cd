"""Lambda's own API on this machine, as far as functions need it that invoke each other: its Invoke operation.

https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html
"""

import asyncio
import json
import re
import socket
import traceback
from typing import Any
from urllib.parse import parse_qs, unquote

from infra.local import limits, names
from infra.local.events import Answer, Request
from infra.local.failures import InvocationFailedError
from infra.local.functions import Functions
from infra.local.server import Server, address

_PATH = re.compile(r"/2015-03-31/functions/([^/]+)/invocations")
_STATUSES = {
    "InvalidParameterValueException": 400,
    "InvalidRequestContentException": 400,
    "MissingAuthenticationTokenException": 403,
    "RequestEntityTooLargeException": 413,
    "ResourceNotFoundException": 404,
    "ServiceException": 500,
    "UnknownOperationException": 404,
}
_TOO_LARGE = f"Request must be smaller than {limits.MAX_EVENT_BYTES} bytes for the InvokeFunction operation"


class _RefusedError(Exception):
    """Lambda's error of that code."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class InvokeApi:
    """Serves Invoke on a loopback port, to callers that sign their requests as the SDKs do.

    The signature itself is not checked. But without the need for one, any web page could have a browser send an event,
    with any user in it.
    """

    def __init__(self, functions: Functions, host: str) -> None:
        self._functions = functions
        self._host = host

    async def answer(self, request: Request) -> Answer:
        """The result of the invocation, or that it was accepted, or Lambda's error."""
        try:
            self._check_sender(request)
            return await self._invoke(request)
        except _RefusedError as refusal:
            return _error(refusal.code, str(refusal))
        except Exception:
            traceback.print_exc()
            return _error("ServiceException", "the local runner failed")

    def refuse(self, kind: str, request_id: str) -> Answer:
        """The answer to what is no request, or too large a one."""
        if kind == "REQUEST_TOO_LARGE":
            return _error("RequestEntityTooLargeException", _TOO_LARGE)
        return _error("InvalidRequestContentException", f"{kind} ({request_id})")

    def _check_sender(self, request: Request) -> None:
        # A page of another origin cannot set Authorization. One whose name was made to lead here has that name in Host.
        is_signed = (request.header("authorization") or "").startswith("AWS4-HMAC-SHA256 ")
        if not is_signed or request.header("host") != self._host:
            raise _RefusedError("MissingAuthenticationTokenException", "Missing Authentication Token")

    async def _invoke(self, request: Request) -> Answer:
        function = self._function(request)
        kind = request.header("x-amz-invocation-type") or "RequestResponse"
        if kind not in ("DryRun", "Event", "RequestResponse"):
            raise _RefusedError("InvalidParameterValueException", f"{kind} is no invocation type")
        event = _event(request.body, kind)
        if kind == "DryRun":
            return Answer(204, [], b"")
        if kind == "Event":
            self._functions.send(function, event, request.request_id)
            return Answer(202, [], b"")
        invocation = self._functions.begin(function, event, request.request_id)
        await asyncio.wait({invocation})  # which leaves it running when this connection ends
        return _result(invocation)

    def _function(self, request: Request) -> str:
        match = _PATH.fullmatch(request.path)
        if match is None or request.method != "POST":
            raise _RefusedError("UnknownOperationException", "the local runner has Invoke alone")
        name = unquote(match[1])
        (qualifier,) = parse_qs(request.query).get("Qualifier", [None])[-1:]
        found = names.find(self._functions.declared, name, qualifier)
        if found is None:
            raise _RefusedError("ResourceNotFoundException", f"Function not found: {name}")
        return found.name


def invoke_server(functions: Functions, listener: socket.socket) -> Server:
    """Lambda's API for these functions, on a socket of its own."""
    return Server(InvokeApi(functions, address(listener).removeprefix("http://")), listener)


def _event(body: bytes, kind: str) -> Any:
    if len(body) > limits.MAX_EVENT_BYTES:
        raise _RefusedError("RequestEntityTooLargeException", _TOO_LARGE)
    if kind == "Event" and len(body) > (most := limits.MAX_ASYNCHRONOUS_EVENT_BYTES):
        large = f"{len(body)} byte payload is too large for the Event invocation type (limit {most} bytes)"
        raise _RefusedError("RequestEntityTooLargeException", large)
    try:
        return json.loads(body or b"{}", parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise _RefusedError(
            "InvalidRequestContentException", f"Could not parse request body into json: {error}"
        ) from error


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON")


def _result(invocation: asyncio.Task[Any]) -> Answer:
    headers = [("Content-Type", "application/json"), ("X-Amz-Executed-Version", "$LATEST")]
    try:
        return Answer(200, headers, json.dumps(invocation.result(), ensure_ascii=False).encode())
    except InvocationFailedError as failure:
        return Answer(200, [*headers, ("X-Amz-Function-Error", "Unhandled")], json.dumps(failure.report).encode())


def _error(code: str, message: str) -> Answer:
    status = _STATUSES[code]
    body = {"Type": "User" if status < 500 else "Service", "Message": message}
    return Answer(status, [("Content-Type", "application/json"), ("X-Amzn-ErrorType", code)], json.dumps(body).encode())
