"""Rules about the tree of errors, and the problems they become."""

import json
import logging
from collections.abc import Iterator
from contextlib import suppress

import pytest
from aws_lambda_powertools.event_handler import APIGatewayRestResolver
from aws_lambda_powertools.event_handler.openapi.exceptions import RequestValidationError
from botocore.exceptions import ClientError, ReadTimeoutError
from pydantic import BaseModel
from pynamodb.exceptions import CancellationReason, TransactWriteError, UpdateError, VerboseClientError

from chatkeep import errors
from chatkeep.errors import ChatkeepError, FieldProblem, InvalidFieldError, TurnInProgressError, TurnLostError
from chatkeep.http.problems import install
from chatkeep.telemetry import logger
from chatkeep.telemetry.log_lines import UnspokenError
from infra.local.events import LambdaContext, Request, proxy_event


def tree(root: type[ChatkeepError], depth: int = 0) -> Iterator[str]:
    yield "    " * depth + root.__name__
    for branch in root.__subclasses__():
        if branch.__module__ == errors.__name__:
            yield from tree(branch, depth + 1)


ALL = [getattr(errors, name.strip()) for name in tree(ChatkeepError)]


def test_the_docstring_shows_the_tree() -> None:
    assert str(errors.__doc__).split("\n\n", 1)[1].rstrip() == "\n".join(tree(ChatkeepError))


@pytest.mark.parametrize("error", ALL)
def test_an_error_has_a_status_and_a_code_named_after_it(error: type[ChatkeepError]) -> None:
    words = "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in error.__name__)
    assert error is ChatkeepError or error.code == words.removeprefix("_").removesuffix("_error")
    assert error.status in {401, 403, 404, 409, 422, 429, 500, 503}


def test_no_two_errors_share_a_code() -> None:
    assert len({error.code for error in ALL}) == len(ALL)


def test_whoever_should_try_again_is_told_when() -> None:
    useless = {name.strip() for name in tree(errors.ModelAccountError)}
    assert all(
        error.retry_after_seconds for error in ALL if error.status in (429, 503) and error.__name__ not in useless
    )


def test_nobody_is_told_to_try_again_what_only_the_operator_can_change() -> None:
    told = [one("m") for one in errors.ModelAccountError.__subclasses__()]
    assert {one.retry_after_seconds for one in told} == {None}


class Number(BaseModel):
    number: int


def answer_to(failure: Exception | None) -> dict:  # type: ignore[type-arg]
    """The API's answer if a route raises `failure`, or without one returns a wrong type."""
    app = APIGatewayRestResolver(enable_validation=True)
    install(app)

    @app.get("/")
    def route() -> Number:
        if failure is not None:
            raise failure
        return {"number": "none"}  # type: ignore[return-value]

    event = proxy_event(
        Request("GET", "/", request_id="a-request"), resource="/", path_parameters={}, claims={"sub": "somebody"}
    )
    return dict(app.resolve(event, LambdaContext("a-function", "a-request", 0)))


def cancelled(*codes: str) -> TransactWriteError:
    response = {"Error": {"Code": "TransactionCanceledException", "Message": ""}}
    reasons = [CancellationReason(code) for code in codes]
    cause = VerboseClientError(response, "TransactWriteItems", cancellation_reasons=[None, *reasons])
    return TransactWriteError("cancelled", cause)


def refused(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": ""}}, "UpdateItem")


def test_a_problem_names_every_field_that_is_wrong() -> None:
    result = answer_to(InvalidFieldError(FieldProblem("a", "is wrong"), FieldProblem("b.0", "too")))
    assert result["statusCode"] == 422
    assert result["multiValueHeaders"]["Content-Type"] == ["application/problem+json"]
    problem = json.loads(result["body"])
    assert problem["errors"] == [{"field": "a", "detail": "is wrong"}, {"field": "b.0", "detail": "too"}]
    assert (problem["status"], problem["code"]) == (422, "invalid_field")


def test_a_problem_says_what_else_its_error_knows_and_when_to_come_back() -> None:
    result = answer_to(TurnInProgressError("a-turn", retry_after_seconds=3))
    assert json.loads(result["body"])["turn_id"] == "a-turn"
    assert result["multiValueHeaders"]["Retry-After"] == ["3"]


@pytest.mark.parametrize(
    "failure",
    [
        refused("ThrottlingException"),
        UpdateError(cause=refused("ProvisionedThroughputExceededException")),
        cancelled("TransactionConflict"),
        ReadTimeoutError(endpoint_url="http://somewhere"),
    ],
)
def test_a_storage_failure_that_passes_asks_to_try_again(failure: Exception) -> None:
    result = answer_to(failure)
    assert (result["statusCode"], json.loads(result["body"])["code"]) == (503, "storage_unavailable")
    assert result["multiValueHeaders"]["Retry-After"] == ["1"]


@pytest.mark.parametrize(
    "failure",
    [
        refused("AccessDeniedException"),
        UpdateError(cause=refused("ValidationException")),
        cancelled("ValidationError"),
        cancelled("ItemCollectionSizeLimitExceeded"),
        ZeroDivisionError(),
        ValueError("no number: 'walrus'"),
    ],
)
def test_a_failure_of_ours_fails_the_function_so_that_lambda_counts_it(failure: Exception) -> None:
    with pytest.raises(UnspokenError, match=type(failure).__name__) as failed:
        answer_to(failure)
    assert failed.value.__cause__ is failure
    assert "walrus" not in str(failed.value)


def test_an_answer_that_breaks_its_own_schema_is_not_the_callers_fault() -> None:
    with pytest.raises(UnspokenError, match=r"RequestValidationError$") as failed:
        answer_to(None)
    assert isinstance(failed.value.__cause__, RequestValidationError)


def logged(failure: Exception | None, caplog: pytest.LogCaptureFixture) -> logging.LogRecord:
    """The one line about a request that ends with `failure`."""
    with caplog.at_level(logging.INFO, logger=logger.service), suppress(UnspokenError):
        answer_to(failure)
    (line,) = caplog.records
    return line


@pytest.mark.parametrize("error", [one for one in ALL if one.status >= 500])
def test_what_is_no_fault_of_the_callers_is_an_error_with_what_the_operator_needs(
    error: type[ChatkeepError], caplog: pytest.LogCaptureFixture
) -> None:
    failure = error() if error is TurnLostError else error("the detail")  # type: ignore[call-arg]
    line = logged(failure, caplog)
    assert (line.levelname, line.code, line.status, line.detail) == ("ERROR", error.code, error.status, failure.detail)
    assert line.route == "GET /"
    assert line.exc_info[1] is failure


@pytest.mark.parametrize("failure", [InvalidFieldError(FieldProblem("said", "so")), TurnInProgressError("a-turn")])
def test_what_a_caller_can_mend_is_information_without_words(
    failure: ChatkeepError, caplog: pytest.LogCaptureFixture
) -> None:
    line = logged(failure, caplog)
    assert (line.levelname, line.code, line.status, line.route) == ("INFO", failure.code, failure.status, "GET /")
    assert not hasattr(line, "detail")


@pytest.mark.parametrize("failure", [ZeroDivisionError(), UpdateError(cause=refused("ValidationException")), None])
def test_a_failure_of_ours_is_an_error_with_the_status_that_api_gateway_answers(
    failure: Exception | None, caplog: pytest.LogCaptureFixture
) -> None:
    line = logged(failure, caplog)
    assert (line.levelname, line.code, line.status, line.route) == ("ERROR", "internal_error", 502, "GET /")
    assert failure is None or line.exc_info[1] is failure


def test_a_storage_that_does_not_answer_is_one_error_with_its_cause(caplog: pytest.LogCaptureFixture) -> None:
    cause = ReadTimeoutError(endpoint_url="http://somewhere")
    line = logged(cause, caplog)
    assert (line.levelname, line.code) == ("ERROR", "storage_unavailable")
    assert line.exc_info[1].__cause__ is cause
