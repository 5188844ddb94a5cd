"""Rules about infra/openapi.json: it is what the routes say, all of it."""

import importlib
import json
from typing import Any

import pytest

from infra import openapi
from infra.local.template import load_routes

SHOULD_BE = openapi.text()
DOCUMENT = json.loads(SHOULD_BE)
FUNCTIONS = sorted({route.function.removesuffix("Function").lower() for route in load_routes(openapi.STACK)})
OPERATIONS = {
    (method.upper(), path): operation
    for path, operations in DOCUMENT["paths"].items()
    for method, operation in operations.items()
}


def test_the_file_is_current() -> None:
    assert openapi.FILE.read_text(encoding="utf-8") == SHOULD_BE, "run python -m infra.openapi"


def test_it_has_the_routes_of_the_template() -> None:
    assert set(OPERATIONS) == {(route.method, route.path) for route in load_routes(openapi.STACK)}


@pytest.mark.parametrize("function", FUNCTIONS)
def test_no_other_functions_schema_takes_the_place_of_one_of_its_own(function: str) -> None:
    schemas = own_schemas(function)
    assert schemas
    assert {name: DOCUMENT["components"]["schemas"][name] for name in schemas} == schemas


def own_schemas(function: str) -> dict[str, Any]:
    app = importlib.import_module(f"functions.{function}.app").app
    schemas = json.loads(app.get_openapi_json_schema())["components"]["schemas"]
    return {name: schema for name, schema in schemas.items() if name not in openapi.POWERTOOLS_OWN}


def test_every_schema_that_is_referred_to_is_there() -> None:
    referred = {name.split('"')[0] for name in SHOULD_BE.split("#/components/schemas/")[1:]}
    assert referred == set(DOCUMENT["components"]["schemas"])


@pytest.mark.parametrize("operation", OPERATIONS.values(), ids=map(" ".join, OPERATIONS))
def test_an_operation_documents_one_success_and_its_problems(operation: dict[str, Any]) -> None:
    contents = {status: list(response["content"]) for status, response in operation["responses"].items()}
    assert [kinds for status, kinds in contents.items() if status < "400"] == [["application/json"]]
    assert all(kinds == ["application/problem+json"] for status, kinds in contents.items() if status >= "400")
    assert {"401", "422", "429", "503"} <= set(contents)


def test_operations_are_told_apart_by_the_names_of_their_functions() -> None:
    names = [operation["operationId"] for operation in OPERATIONS.values()]
    assert len(set(names)) == len(names)
    assert all(name.isidentifier() and name.count("_") <= 3 for name in names)


def test_a_body_may_leave_a_field_out_but_not_say_null() -> None:
    for name in ("NewSession", "SessionChanges", "NewPreferences", "NewUsage"):
        assert "null" not in json.dumps(DOCUMENT["components"]["schemas"][name])


def test_every_operation_wants_a_token_and_every_post_takes_a_key() -> None:
    assert DOCUMENT["security"] == [{"bearer": []}]
    assert DOCUMENT["components"]["securitySchemes"]["bearer"]["scheme"] == "bearer"
    for (method, _), operation in OPERATIONS.items():
        assert "security" not in operation
        assert (openapi.IDEMPOTENCY_KEY in operation.get("parameters", [])) == (method == "POST")
