"""Errors as RFC 9457 problem+json, for every function's resolver."""

import json
from http import HTTPStatus
from typing import Any

from aws_lambda_powertools.event_handler import APIGatewayRestResolver, Response
from aws_lambda_powertools.event_handler.exceptions import NotFoundError as NoRouteError
from aws_lambda_powertools.event_handler.openapi.exceptions import RequestValidationError
from aws_lambda_powertools.event_handler.openapi.types import OpenAPIResponse
from botocore.exceptions import BotoCoreError, ClientError
from pydantic import BaseModel
from pynamodb.exceptions import PynamoDBException, VerboseClientError

from chatkeep import bodies
from chatkeep.errors import ChatkeepError, FieldProblem, InvalidFieldError, NotFoundError, StorageUnavailableError
from chatkeep.telemetry import logger, metrics

CONTENT_TYPE = "application/problem+json"
MOST_PROBLEMS = 100
"""What one answer lists: a body of 6 MB can have a million unknown fields, and an answer is bounded as well."""
PASSING_CODES = {
    "InternalServerError",
    "LimitExceededException",
    "ProvisionedThroughputExceeded",
    "ProvisionedThroughputExceededException",
    "RequestLimitExceeded",
    "ServiceUnavailable",
    "ThrottlingException",
    "ThrottlingError",
    "TransactionConflict",
    "TransactionConflictException",
    "TransactionInProgressException",
}
"""Codes of DynamoDB's errors, and of its reasons to cancel a transaction, that pass by themselves: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Programming.Errors.html"""

REASONS = {one.value: one.phrase for one in HTTPStatus} | {413: "Content Too Large", 422: "Unprocessable Content"}
"""Names of the statuses; the two are named as in RFC 9110, as Python does from 3.13 on."""


class FieldError(BaseModel):
    field: str
    detail: str


class Problem(BaseModel):
    """What every error answers; `errors` is there for a 422 and names each field, `turn_id` where a turn is running."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    errors: list[FieldError] | None = None
    turn_id: str | None = None


def documented(*errors: int, success: int = 200) -> dict[int, OpenAPIResponse]:
    """The `responses` of a route: what it returns with the status `success`, and problems, for the OpenAPI document."""
    returned: dict[int, OpenAPIResponse] = {success: {"description": REASONS[success]}}
    return returned | {
        status: {"description": REASONS[status], "content": {CONTENT_TYPE: {"model": Problem}}}
        for status in sorted({401, 422, 429, 503, *errors})
    }


def install(app: APIGatewayRestResolver) -> None:
    """Have `app` answer every error that a caller can cause or should retry as a problem; the rest propagates."""
    bodies.install(app)
    app.exception_handler(ChatkeepError)(answer)
    app.exception_handler(RequestValidationError)(_answer_invalid)
    app.exception_handler([PynamoDBException, ClientError, BotoCoreError])(_answer_storage)
    app.not_found(_answer_no_route)


def answer(error: ChatkeepError) -> Response[str]:
    """The problem that `error` is."""
    metrics.add_metric(name="RequestsFailed", unit="Count", value=1)
    logger.info("request failed", extra={"code": error.code, "status": error.status, "detail": error.detail})
    headers: dict[str, str | list[str]] = {}
    if error.retry_after_seconds is not None:
        headers["Retry-After"] = str(error.retry_after_seconds)
    return Response(error.status, CONTENT_TYPE, json.dumps(error.as_problem()), headers)


def _answer_invalid(error: RequestValidationError) -> Response[str]:
    problems = error.errors()
    if any(one["loc"][:1] == ("response",) for one in problems):  # no fault of the caller's
        raise error
    return answer(InvalidFieldError(*(_field_problem(one) for one in problems[:MOST_PROBLEMS])))


def _field_problem(error: dict[str, Any]) -> FieldProblem:
    path = [str(part) for part in error["loc"]]
    name = (".".join(path[1:]) or (path[0] if path else "body"))[: bodies.LONGEST_NAME]
    if error["type"] == "extra_forbidden":
        return FieldProblem(name, "is unknown or cannot be set")
    return FieldProblem(name, error["msg"].removeprefix("Value error, "))


def _answer_storage(error: PynamoDBException | ClientError | BotoCoreError) -> Response[str]:
    cause = error.cause if isinstance(error, PynamoDBException) else error
    if cause is None or (isinstance(cause, ClientError) and not PASSING_CODES.intersection(_codes(cause))):
        raise error
    logger.warning("storage unavailable", exc_info=error)
    return answer(StorageUnavailableError("the storage did not answer; nothing is known to have been stored"))


def _codes(error: ClientError) -> set[str]:
    """The error's own code, and those of the items for which a transaction was cancelled."""
    own = {str(error.response["Error"]["Code"])}
    if isinstance(error, VerboseClientError):
        return own | {one.code for one in error.cancellation_reasons if one is not None}
    return own | {one["Code"] for one in error.response.get("CancellationReasons", [])}


def _answer_no_route(_: NoRouteError) -> Response[str]:
    return answer(NotFoundError("there is no such route"))
