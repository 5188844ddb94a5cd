"""A span for each request to DynamoDB, from botocore's own events: its operation, its tables, and how it ended.

https://opentelemetry.io/docs/specs/semconv/db/dynamodb/
"""

from collections.abc import Iterator, Mapping
from typing import Any

from botocore.model import OperationModel

from chatkeep import tracing
from chatkeep.aws import hooks
from chatkeep.telemetry.log_lines import named

SPAN, TABLES = "chatkeep_span", "chatkeep_tables"
"""Members of the context that botocore hands from event to event of one request."""


def observe(client: Any) -> None:
    """Have each request of a botocore client of DynamoDB recorded as a span; does nothing where spans go nowhere."""
    if tracing.recorder() is None:
        return
    hooks.around_request(client, "dynamodb", given=_note_tables, begun=_begin, answered=_answered, failed=_failed)


def _note_tables(params: Mapping[str, Any], context: dict[str, Any], **_: Any) -> None:
    context[TABLES] = sorted({str(name).rpartition("/")[2] for name in _tables(params)})


def _tables(params: Mapping[str, Any]) -> Iterator[Any]:
    if name := params.get("TableName"):
        yield name
    yield from params.get("RequestItems") or ()
    for member in params.get("TransactItems") or ():
        yield from (one["TableName"] for one in member.values())


def _begin(model: OperationModel, context: dict[str, Any], **_: Any) -> None:
    attributes = {
        "rpc.system.name": "aws-api",
        "rpc.method": f"DynamoDB/{model.name}",
        "db.system.name": "aws.dynamodb",
        "db.operation.name": model.name,
        "aws.dynamodb.table_names": context.get(TABLES),
        "cloud.region": context.get("client_region"),
    }
    context[SPAN] = tracing.begin(f"DynamoDB.{model.name}", attributes)


def _answered(parsed: Mapping[str, Any], context: dict[str, Any], **_: Any) -> None:
    span: tracing.Span = context.pop(SPAN, tracing.NOTHING)
    about = parsed.get("ResponseMetadata", {})
    span.tell(
        {
            "aws.request_id": about.get("RequestId"),
            "http.response.status_code": about.get("HTTPStatusCode"),
            "http.request.resend_count": about.get("RetryAttempts") or None,
        }
    )
    if error := parsed.get("Error"):
        span.fail(str(error.get("Code")))
    span.end()


def _failed(exception: BaseException, context: dict[str, Any], **_: Any) -> None:
    span: tracing.Span = context.pop(SPAN, tracing.NOTHING)
    span.fail(named(exception))
    span.end()
