"""A span for each request to DynamoDB, from botocore's own events: its operation, its tables, and how it ended.

https://opentelemetry.io/docs/specs/semconv/db/dynamodb/
"""

from collections.abc import Iterator, Mapping
from typing import Any

from botocore.model import OperationModel

from chatkeep import tracing
from chatkeep.telemetry.log_lines import named

SPAN, TABLES = "chatkeep_span", "chatkeep_tables"
"""Members of the context that botocore hands from event to event of one request."""


def observe(client: Any) -> None:
    events = client.meta.events
    events.register("before-parameter-build.dynamodb", _note_tables, unique_id="tables-of-span")
    events.register("before-call.dynamodb", _begin, unique_id="begin-of-span")
    events.register("after-call.dynamodb", _answered, unique_id="end-of-span")
    events.register("after-call-error.dynamodb", _failed, unique_id="failure-of-span")


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
