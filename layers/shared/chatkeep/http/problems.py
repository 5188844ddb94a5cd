"""Errors as RFC 9457 problem+json, for every function's resolver."""

import json
from collections.abc import Mapping, Sequence
from functools import partial
from http import HTTPStatus
from typing import Any, NoReturn

from aws_lambda_powertools.event_handler import APIGatewayRestResolver, Response
from aws_lambda_powertools.event_handler.exceptions import NotFoundError as NoRouteError
from aws_lambda_powertools.event_handler.openapi.exceptions import RequestValidationError
from aws_lambda_powertools.event_handler.openapi.types import OpenAPIResponse
from aws_lambda_powertools.utilities.data_classes import APIGatewayProxyEvent
from botocore.exceptions import BotoCoreError, ClientError
from pydantic import BaseModel, Field
from pynamodb.exceptions import PynamoDBException, VerboseClientError

from chatkeep.dynamodb.errors import STORAGE_ERRORS
from chatkeep.errors import (
    NOT_STORED,
    BrokenThreadError,
    ChatkeepError,
    FieldProblem,
    InvalidFieldError,
    NotFoundError,
    StorageUnavailableError,
)
from chatkeep.formats import Id
from chatkeep.http import bodies as http_bodies
from chatkeep.http import paths
from chatkeep.http.caller import about
from chatkeep.telemetry import logger, metrics
from chatkeep.telemetry.log_lines import UnspokenError, named

CONTENT_TYPE = "application/problem+json"
MOST_PROBLEMS = 100
"""The most fields that one answer lists: a body of 6 MB can have a million unknown ones."""
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
    """One thing wrong with one field."""

    field: str = Field(description="Dotted path in the body, or the name of a parameter or header")
    detail: str = Field(description="The rule that it breaks")


class Problem(BaseModel):
    """The body of every error. `errors` is there for a 422 and names each field, `turn_id` where a turn is running."""

    type: str = Field(description="A URN that ends with the code")
    title: str = Field(description="The kind of problem in a few words, always the same for a code")
    status: int = Field(description="The HTTP status")
    detail: str = Field(description="This occurrence in words, for people to read")
    code: str = Field(description="The kind of problem, for programs to compare")
    errors: list[FieldError] | None = Field(default=None, description="Each field that is wrong, for a 422")
    turn_id: Id | None = Field(default=None, description="The turn that is running, for `turn_in_progress`")


def documented(
    *errors: int, success: int = 200, bodies: Mapping[int, type[BaseModel]] | None = None
) -> dict[int, OpenAPIResponse]:
    """The `responses` of a route for the OpenAPI document: its result with the status `success`, and problems.

    A route that succeeds in several ways has `bodies`, by their status, instead.
    """
    returned: dict[int, OpenAPIResponse] = {success: {"description": REASONS[success]}}
    if bodies:
        returned = {
            status: {"description": REASONS[status], "content": {"application/json": {"model": body}}}
            for status, body in bodies.items()
        }
    return returned | {
        status: {"description": REASONS[status], "content": {CONTENT_TYPE: {"model": Problem}}}
        for status in sorted({401, 422, 429, 503, *errors})
    }


def install(app: APIGatewayRestResolver) -> None:
    """Have `app` answer every error that a caller can cause or should retry as a problem; the rest fails the function.

    Each is a line of the log. Where it is no fault of the caller's, that line is at ERROR and tells the operator more.
    """
    http_bodies.install(app)
    paths.install(app)
    app.exception_handler(ChatkeepError)(partial(answer, app))
    app.exception_handler(RequestValidationError)(partial(_answer_invalid, app))
    app.exception_handler([*STORAGE_ERRORS])(partial(_answer_storage, app))
    app.exception_handler(Exception)(partial(_fail, app))
    app.not_found(partial(_answer_no_route, app))


def answer(app: APIGatewayRestResolver, error: ChatkeepError) -> Response[str]:
    """The problem that `error` is."""
    headers: dict[str, str | list[str]] = {**reported(error, app.current_event)}
    return Response(error.status, CONTENT_TYPE, json.dumps(error.as_problem()), headers)


def reported(error: ChatkeepError, event: APIGatewayProxyEvent) -> dict[str, str]:
    """Count and log a request that ends with `error`, and return the headers of its answer."""
    metrics.add_metric(name="RequestsFailed", unit="Count", value=1)
    if isinstance(error, BrokenThreadError):
        metrics.add_metric(name="BrokenThreads", unit="Count", value=1)
    told = {"code": error.code, "status": error.status, **about(event)}
    if error.status < HTTPStatus.INTERNAL_SERVER_ERROR:
        logger.info("request failed", extra=told)
    else:
        logger.error("request failed", exc_info=error, extra={**told, "detail": error.detail})
    return {} if error.retry_after_seconds is None else {"Retry-After": str(error.retry_after_seconds)}


def _fail(app: APIGatewayRestResolver, error: Exception) -> NoReturn:
    """Raise an error that says as much of `error` as may be logged: Lambda's error metric and its alarm see it."""
    log_failure(error, app.current_event)
    raise UnspokenError(named(error)) from error


def log_failure(error: Exception, event: APIGatewayProxyEvent) -> None:
    """Tell the operator of an error that is nobody's but this function's own."""
    told = {"code": ChatkeepError.code, "status": HTTPStatus.BAD_GATEWAY.value, **about(event)}
    logger.error("function failed", exc_info=error, extra=told)


def _answer_invalid(app: APIGatewayRestResolver, error: RequestValidationError) -> Response[str]:
    problems = error.errors()
    if any(one["loc"][:1] == ("response",) for one in problems):  # no fault of the caller's
        _fail(app, error)
    return answer(app, of_fields(problems))


def of_fields(problems: Sequence[Mapping[str, Any]]) -> InvalidFieldError:
    """The problem that Pydantic's errors are; of their places the first part is left out."""
    return InvalidFieldError(*map(_field_problem, problems[:MOST_PROBLEMS]))


def _field_problem(error: Mapping[str, Any]) -> FieldProblem:
    path = [str(part) for part in error["loc"]]
    name = (".".join(path[1:]) or (path[0] if path else "body"))[: http_bodies.LONGEST_NAME]
    if error["type"] == "extra_forbidden":
        return FieldProblem(name, "is unknown or cannot be set")
    return FieldProblem(name, error["msg"].removeprefix("Value error, "))


def _answer_storage(
    app: APIGatewayRestResolver, error: PynamoDBException | ClientError | BotoCoreError
) -> Response[str]:
    unavailable = of_storage(error)
    if unavailable is None:
        _fail(app, error)
    return answer(app, unavailable)


def of(error: Exception) -> ChatkeepError | None:
    """The problem that `error` is to a caller; None for one that is nobody's but the function's own."""
    if isinstance(error, ChatkeepError):
        return error
    return of_storage(error) if isinstance(error, STORAGE_ERRORS) else None


def of_storage(error: Exception) -> StorageUnavailableError | None:
    """The problem that an error of the storage is, if it passes by itself."""
    cause = error.cause if isinstance(error, PynamoDBException) else error
    if cause is None or (isinstance(cause, ClientError) and not PASSING_CODES.intersection(_codes(cause))):
        return None
    unavailable = StorageUnavailableError(NOT_STORED)
    unavailable.__cause__ = error
    return unavailable


def _codes(error: ClientError) -> set[str]:
    """The error's own code, and those of the items for which a transaction was cancelled."""
    own = {str(error.response["Error"]["Code"])}
    if isinstance(error, VerboseClientError):
        return own | {one.code for one in error.cancellation_reasons if one is not None}
    return own | {one["Code"] for one in error.response.get("CancellationReasons", [])}


def _answer_no_route(app: APIGatewayRestResolver, _: NoRouteError) -> Response[str]:
    return answer(app, NotFoundError("there is no such route"))
