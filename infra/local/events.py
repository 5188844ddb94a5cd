"""The exchange between API Gateway and a function: the REST proxy event, the Lambda context, and the answer."""

import base64
import binascii
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.message import Message
from typing import Any
from urllib.parse import parse_qsl

from infra.local.headers import Pairs, for_client

ACCOUNT_ID = "123456789012"


class MalformedAnswerError(Exception):
    """A function's result is not one that API Gateway accepts from a proxy integration."""


@dataclass(frozen=True)
class Request:
    """An HTTP request as it reached the API; `path` is without the stage and still percent-encoded."""

    method: str
    path: str
    query: str = ""
    headers: Pairs = ()
    body: bytes = b""
    source_ip: str = "127.0.0.1"
    request_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    received_at: float = field(default_factory=time.time)

    def header(self, name: str) -> str | None:
        """The last value of a header, whatever the case of its name."""
        values = [value for key, value in self.headers if key.lower() == name.lower()]
        return values[-1] if values else None


@dataclass(frozen=True)
class Answer:
    """An HTTP response."""

    status: int
    headers: Pairs
    body: bytes


def proxy_event(
    request: Request,
    *,
    resource: str,
    path_parameters: Mapping[str, str],
    claims: Mapping[str, Any] | None,
    stage: str = "v1",
) -> dict[str, Any]:
    """The event of a REST API's Lambda proxy integration (payload version 1.0).

    API Gateway decodes the query string, passes the path and its parameters as they were written, and sends null for
    an absent part: a capture of 2026 is in https://github.com/hotsock/voker, vokerhttp/testdata.
    """
    query = parse_qsl(request.query.replace(";", "&"), keep_blank_values=True)  # it splits at semicolons too
    body, is_base64 = _event_body(request)
    return {
        "resource": resource,
        "path": request.path,
        "httpMethod": request.method,
        "headers": dict(request.headers) or None,
        "multiValueHeaders": _grouped(request.headers),
        "queryStringParameters": dict(query) or None,
        "multiValueQueryStringParameters": _grouped(query),
        "pathParameters": dict(path_parameters) or None,
        "stageVariables": None,
        "requestContext": _request_context(request, resource, f"/{stage}{request.path}", stage, claims),
        "body": body,
        "isBase64Encoded": is_base64,
    }


def _request_context(
    request: Request, resource: str, path: str, stage: str, claims: Mapping[str, Any] | None
) -> dict[str, Any]:
    host = request.header("host") or "localhost"
    context = {
        "accountId": ACCOUNT_ID,
        "apiId": "local",
        "domainName": host.split(":")[0],
        "domainPrefix": host.split(".")[0].split(":")[0],
        "extendedRequestId": request.request_id,
        "httpMethod": request.method,
        "identity": {
            "accessKey": None,
            "accountId": None,
            "apiKey": None,
            "caller": None,
            "cognitoAuthenticationProvider": None,
            "cognitoAuthenticationType": None,
            "cognitoIdentityId": None,
            "cognitoIdentityPoolId": None,
            "principalOrgId": None,
            "sourceIp": request.source_ip,
            "user": None,
            "userAgent": request.header("user-agent"),
            "userArn": None,
        },
        "path": path,
        "protocol": "HTTP/1.1",
        "requestId": request.request_id,
        "requestTime": datetime.fromtimestamp(request.received_at, UTC).strftime("%d/%b/%Y:%H:%M:%S +0000"),
        "requestTimeEpoch": int(request.received_at * 1000),
        "resourceId": "local",
        "resourcePath": resource,
        "stage": stage,
    }
    if claims is not None:
        context["authorizer"] = {"claims": {name: _claim(name, value) for name, value in claims.items()}}
    return context


def _claim(name: str, value: Any) -> str:
    """A claim as text, as a Cognito authorizer passes it: dates as Java writes them, lists with commas."""
    if name in ("exp", "iat", "auth_time", "nbf"):
        try:
            return datetime.fromtimestamp(int(value), UTC).strftime("%a %b %d %H:%M:%S UTC %Y")
        except (TypeError, ValueError, OverflowError, OSError):  # no date, or one of no calendar
            return str(value)
    if isinstance(value, bool):
        return str(value).lower()
    return ",".join(map(str, value)) if isinstance(value, list) else str(value)


def _grouped(pairs: Pairs) -> dict[str, list[str]] | None:
    grouped: dict[str, list[str]] = {}
    for name, value in pairs:
        grouped.setdefault(name, []).append(value)
    return grouped or None


def _event_body(request: Request) -> tuple[str | None, bool]:
    if not request.body:
        return None, False
    if _is_text(request.header("content-type")):
        try:
            return request.body.decode(), False
        except UnicodeDecodeError:
            pass
    return base64.b64encode(request.body).decode(), True


def _is_text(content_type: str | None) -> bool:
    message = Message()
    message["content-type"] = content_type or "application/json"
    kind = message.get_content_type()
    return (
        kind.startswith("text/")
        or kind.endswith(("json", "xml", "javascript"))
        or kind == "application/x-www-form-urlencoded"
    )


def answer_of(result: Any) -> Answer:
    """The HTTP response that API Gateway makes of a handler's result. Raises MalformedAnswerError."""
    if not isinstance(result, dict) or result.get("statusCode") not in range(200, 600):
        raise MalformedAnswerError("a proxy integration returns a mapping with a statusCode from 200 to 599")
    headers = [(name, str(value)) for name, value in (result.get("headers") or {}).items()]
    for name, values in (result.get("multiValueHeaders") or {}).items():
        headers = [pair for pair in headers if pair[0].lower() != name.lower()]
        headers += [(name, str(value)) for value in values]
    if all(name.lower() != "content-type" for name, _ in headers):
        headers.append(("Content-Type", "application/json"))
    try:
        return Answer(int(result["statusCode"]), for_client(headers), _answer_body(result))
    except ValueError as error:
        raise MalformedAnswerError(str(error)) from error


def _answer_body(result: dict[str, Any]) -> bytes:
    body = result.get("body") or ""
    if not isinstance(body, str):
        raise MalformedAnswerError("the body of a proxy integration's result is text")
    if not result.get("isBase64Encoded"):
        return body.encode()
    try:
        return base64.b64decode(body, validate=True)
    except binascii.Error as error:
        raise MalformedAnswerError("the body says it is base64 and is not") from error


@dataclass(frozen=True)
class LambdaContext:
    """The context of one invocation, whose deadline is a moment of `time.monotonic()`."""

    function_name: str
    aws_request_id: str
    deadline: float
    memory_limit_in_mb: int = 512
    function_version: str = "$LATEST"
    identity: None = None
    client_context: None = None

    @property
    def invoked_function_arn(self) -> str:
        return f"arn:aws:lambda:us-east-1:{ACCOUNT_ID}:function:{self.function_name}"

    @property
    def log_group_name(self) -> str:
        return f"/aws/lambda/{self.function_name}"

    @property
    def log_stream_name(self) -> str:
        return "local"

    def get_remaining_time_in_millis(self) -> int:
        return max(0, int((self.deadline - time.monotonic()) * 1000))
