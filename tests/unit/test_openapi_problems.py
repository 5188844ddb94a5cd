"""Rules about the problems in infra/openapi.json: their codes, and the statuses and headers of each route."""

from typing import Any

import pytest
from jsonschema.exceptions import ValidationError

from chatkeep.errors import ChatkeepError
from chatkeep.http.problems import CONTENT_TYPE
from infra.local.template import load_api, load_functions, load_routes
from infra.openapi import streams
from infra.openapi.problems import bodies
from infra.openapi.stack import STACK
from tests import contract
from tests.raised import raised

ROUTES = load_routes(STACK)
MODULES = {name: function.module for name, function in load_functions(STACK).items()}
GATEWAY = bodies(load_api(STACK).responses)
COMPONENTS = contract.DOCUMENT["components"]
IN_RESULTS = {"change_sessions": {"404", "409"}}
"""Statuses that a route tells of each session, and does not answer with itself."""
OPERATIONS = [operation for operations in contract.DOCUMENT["paths"].values() for operation in operations.values()]
JSON, STREAM = ["application/json"], ["text/event-stream"]
SUCCESSES: dict[str, list[list[str]]] = {
    **{name: [JSON, JSON] for name in ("compact_session", "create_session", "delete_session", "send_message")},
    **{name: [STREAM] for name in ("stream_chat", "stream_message", "stream_run", "stream_turn")},
    "stream_running_chat": [STREAM, []],
}
"""The contents of each success, in the order of the statuses, where there is not one in JSON."""
WORDS = {
    **{status: ["text/plain; charset=utf-8"] for status in ("404", "409", "422", "500", "503")},
    **{status: [CONTENT_TYPE, "text/plain; charset=utf-8"] for status in ("401", "429")},
}
"""The contents of the problems of a route that answers words alone; the gateway answers JSON in its place."""
IN_PLAIN_WORDS = {"stream_chat", "stream_running_chat"}


def names(operation: dict[str, Any]) -> str:
    return str(operation["operationId"])


def own(error: type[ChatkeepError]) -> set[type[ChatkeepError]]:
    return {error}.union(*(own(branch) for branch in error.__subclasses__()))


def errors_of(operation: dict[str, Any]) -> set[type[ChatkeepError]]:
    """The errors that the operation's function may raise."""
    (route,) = (one for one in ROUTES if contract.DOCUMENT["paths"][one.path].get(one.method.lower()) is operation)
    streamed = streams.FUNCTIONS.get((route.method.lower(), route.path))
    return raised(f"{streamed.__module__ if streamed else MODULES[route.function]}.{operation['operationId']}")


@pytest.mark.parametrize("operation", OPERATIONS, ids=names)
def test_a_route_documents_the_statuses_that_its_code_can_answer(operation: dict[str, Any]) -> None:
    documented, possible = set(operation["responses"]), {str(one.status) for one in errors_of(operation)}
    possible -= IN_RESULTS.get(names(operation), set())
    assert possible <= documented
    assert documented & {"404", "409", "500"} == possible & {"404", "409", "500"}
    assert {"422", "503"} <= documented, "any request may be invalid, and the storage may not answer"


@pytest.mark.parametrize("operation", OPERATIONS, ids=names)
def test_a_route_documents_what_the_gateway_answers_in_its_place(operation: dict[str, Any]) -> None:
    statuses = {str(one["status"]) for one in GATEWAY} - {"404", "413"}
    assert {"400", "401", "403", "429", "502", "504"} == statuses
    assert statuses <= set(operation["responses"])
    assert ("413" in operation["responses"]) == ("requestBody" in operation)


@pytest.mark.parametrize("operation", OPERATIONS, ids=names)
def test_a_route_documents_its_successes_and_its_problems_with_their_headers(operation: dict[str, Any]) -> None:
    responses = {status: contract.resolved(one) for status, one in operation["responses"].items()}
    successes = [list(one.get("content", ())) for status, one in responses.items() if status < "400"]
    assert successes == SUCCESSES.get(names(operation), [JSON])
    kinds = {status: sorted(one["content"]) for status, one in responses.items() if status >= "400"}
    expected = WORDS if names(operation) in IN_PLAIN_WORDS else {}
    assert kinds == {status: expected.get(status, [CONTENT_TYPE]) for status in kinds}
    assert all("x-amzn-RequestId" in one["headers"] for one in responses.values())
    retried = {status for status, one in responses.items() if "Retry-After" in one["headers"]}
    assert retried == set(responses) & {"409", "429", "503"}
    assert [status for status, one in responses.items() if "WWW-Authenticate" in one["headers"]] == ["401"]


def test_an_error_says_when_to_try_again_only_where_that_is_documented() -> None:
    told = {one.status for one in own(ChatkeepError) if one.retry_after_seconds}
    assert told <= {409, 429, 503}


def test_the_codes_are_those_of_the_errors_and_of_the_gateway() -> None:
    codes = COMPONENTS["schemas"]["ProblemCode"]
    assert set(codes["enum"]) == {one.code for one in own(ChatkeepError)} | {one["code"] for one in GATEWAY}
    assert all(f"- `{code}` (" in codes["description"] for code in codes["enum"])


def test_a_code_that_nobody_documents_is_none() -> None:
    problem = {"type": "urn:chatkeep:problem:no_such", "title": "-", "status": 409, "detail": "-", "code": "no_such"}
    with pytest.raises(ValidationError, match="no_such"):
        contract.validator("Problem").validate(problem)


@pytest.mark.parametrize("status", COMPONENTS["responses"])
def test_a_response_shows_a_problem_as_it_is_answered(status: str) -> None:
    examples = COMPONENTS["responses"][status]["content"][CONTENT_TYPE]["examples"]
    assert examples
    for code, example in examples.items():
        contract.validator("Problem").validate(example["value"])
        assert f"`{code}`" in COMPONENTS["responses"][status]["description"]


@pytest.mark.parametrize("problem", GATEWAY, ids=lambda one: one["code"])
def test_what_the_gateway_answers_is_a_problem(problem: dict[str, Any]) -> None:
    contract.validator("Problem").validate(problem)
