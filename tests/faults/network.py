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


def throttling(request: AWSPreparedRequest) -> AWSResponse:
    return _refusal(request, {"__type": "com.amazonaws.dynamodb.v20120810#ThrottlingException", "message": "slowly"})


def conflict(request: AWSPreparedRequest) -> AWSResponse | None:
    """The refusal of a write to an item that another's transaction holds; None for a read, which passes by it."""
    name = operation(request)
    if name.startswith("Transact"):
        items = json.loads(request.body)["TransactItems"]
        reasons = [{"Code": "TransactionConflict"}, *[{"Code": "None"} for _ in items[1:]]]
        body = {"__type": "x#TransactionCanceledException", "Message": "a rival", "CancellationReasons": reasons}
        return _refusal(request, body)
    if name in ("UpdateItem", "PutItem", "DeleteItem"):
        return _refusal(request, {"__type": "x#TransactionConflictException", "message": "a rival"})
    return None


def _refusal(request: AWSPreparedRequest, body: dict[str, Any]) -> AWSResponse:
    content = json.dumps(body).encode()
    return AWSResponse(request.url, 400, {"Content-Length": str(len(content))}, _Body(content))
