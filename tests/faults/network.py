"""Requests to DynamoDB and their answers as they are on the wire."""

import json
from collections.abc import Iterator
from io import BytesIO
from typing import Any

from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.httpsession import URLLib3Session

from tests.engines import moto_answer


class _Body(BytesIO):
    def stream(self, **_: Any) -> Iterator[bytes]:
        yield self.read()


def operation(request: AWSPreparedRequest) -> str:
    """The operation's name; empty where the request is not to DynamoDB."""
    target = request.headers.get("X-Amz-Target", "")
    return (target.decode() if isinstance(target, bytes) else str(target)).rpartition(".")[2]


def perform(request: AWSPreparedRequest) -> AWSResponse:
    """The engine's answer, once it has done as it was asked."""
    name = f"before-send.dynamodb.{operation(request)}"
    return moto_answer(name, request) or URLLib3Session().send(request)


def unprocessed(request: AWSPreparedRequest, whole: bool) -> AWSResponse:
    """The answer to a batch of writes of which the second half, or the whole batch, is left unprocessed."""
    ((table, writes),) = json.loads(request.body)["RequestItems"].items()
    middle = 0 if whole else len(writes) // 2
    done = perform(_with_body(request, {"RequestItems": {table: writes[:middle]}})).content if middle else b"{}"
    return response(request, {**json.loads(done), "UnprocessedItems": {table: writes[middle:]}})


def _with_body(request: AWSPreparedRequest, changes: dict[str, Any]) -> AWSPreparedRequest:
    """The same request with some members of its body changed."""
    body = json.dumps(json.loads(request.body) | changes).encode()
    headers = dict(request.headers) | {"Content-Length": str(len(body))}
    return AWSPreparedRequest(request.method, request.url, headers, body, request.stream_output)


def throttling(request: AWSPreparedRequest) -> AWSResponse:
    return response(
        request, {"__type": "com.amazonaws.dynamodb.v20120810#ThrottlingException", "message": "slowly"}, status=400
    )


def conflict(request: AWSPreparedRequest) -> AWSResponse | None:
    """The refusal of a write to an item that another's transaction holds; None for a read, which passes by it."""
    name = operation(request)
    if name.startswith("Transact"):
        items = json.loads(request.body)["TransactItems"]
        reasons = [{"Code": "TransactionConflict"}, *[{"Code": "None"} for _ in items[1:]]]
        body = {"__type": "x#TransactionCanceledException", "Message": "a rival", "CancellationReasons": reasons}
        return response(request, body, status=400)
    if name in ("UpdateItem", "PutItem", "DeleteItem"):
        return response(request, {"__type": "x#TransactionConflictException", "message": "a rival"}, status=400)
    return None


def response(request: AWSPreparedRequest, body: dict[str, Any], status: int = 200) -> AWSResponse:
    """A response that the engine has not given."""
    content = json.dumps(body).encode()
    return AWSResponse(request.url, status, {"Content-Length": str(len(content))}, _Body(content))
