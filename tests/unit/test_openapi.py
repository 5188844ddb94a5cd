"""Rules about infra/openapi.json: it is current and complete, and describes every part in words."""

import importlib
import json
from collections.abc import Iterator
from typing import Any

import pytest
from openapi_spec_validator import validate

from infra.local.template import load_routes
from infra.openapi import document, operations, streams
from infra.openapi.stack import FILE, STACK

SHOULD_BE = document.text()
DOCUMENT = json.loads(SHOULD_BE)
SCHEMAS = DOCUMENT["components"]["schemas"]
ROUTES = load_routes(STACK)
FUNCTIONS = sorted({route.function.removesuffix("Function").lower() for route in ROUTES})
OPERATIONS = {
    (method.upper(), path): operation
    for path, operations in DOCUMENT["paths"].items()
    for method, operation in operations.items()
}


def test_the_file_is_current() -> None:
    assert FILE.read_text(encoding="utf-8") == SHOULD_BE, "run python -m infra.openapi"


def test_it_is_what_openapi_calls_a_document() -> None:
    validate(DOCUMENT)


def test_it_has_the_routes_of_the_template() -> None:
    assert set(OPERATIONS) == {(route.method, route.path) for route in ROUTES}


@pytest.mark.parametrize("function", FUNCTIONS)
def test_no_other_functions_schema_takes_the_place_of_one_of_its_own(function: str) -> None:
    schemas = own_schemas(function)
    assert schemas
    assert {name: shape(SCHEMAS[name]) for name in schemas} == {name: shape(one) for name, one in schemas.items()}


def own_schemas(function: str) -> dict[str, Any]:
    own: dict[str, Any] = {"paths": {}, "components": {"schemas": {}}}
    if function == "stream":
        streams.add(own)
    else:
        own = json.loads(importlib.import_module(f"functions.{function}.app").app.get_openapi_json_schema())
    schemas = own["components"]["schemas"]
    return {name: schema for name, schema in schemas.items() if name not in document.POWERTOOLS_OWN}


def shape(schema: dict[str, Any]) -> dict[str, Any]:
    """The kinds of a schema's members, without a problem's code, which depends on all functions together."""
    members = schema.get("properties", {}).items()
    kinds = ("type", "anyOf", "items", "enum", "format")
    return {name: [member.get(kind) for kind in kinds] for name, member in members if name != "code"}


def test_every_schema_that_is_referred_to_is_there() -> None:
    referred = {name.split('"')[0] for name in SHOULD_BE.split("#/components/schemas/")[1:]}
    assert referred == set(SCHEMAS)


def test_operations_are_told_apart_by_the_names_of_their_functions() -> None:
    names = [operation["operationId"] for operation in OPERATIONS.values()]
    assert len(set(names)) == len(names)
    assert all(name.isidentifier() and name.count("_") <= 3 for name in names)


def test_everything_is_described() -> None:
    assert [place for place, part in described() if not part.get("description", "").strip()] == []
    assert all(one["summary"] != one["operationId"] for one in OPERATIONS.values())


def described() -> Iterator[tuple[str, dict[str, Any]]]:
    """Every part of the document that somebody reads about."""
    for kind in ("schemas", "responses", "headers", "securitySchemes"):
        yield from DOCUMENT["components"][kind].items()
    for name, schema in SCHEMAS.items():
        for field, member in schema.get("properties", {}).items():
            yield f"{name}.{field}", member
    for route, operation in OPERATIONS.items():
        yield str(route), operation
        for parameter in operation.get("parameters", ()):
            yield f"{route} {parameter['name']}", parameter
    for part in (*DOCUMENT["tags"], *DOCUMENT["servers"], DOCUMENT["info"]):
        yield str(part), part


def test_every_operation_has_one_tag_that_is_explained() -> None:
    used = [operation["tags"] for operation in OPERATIONS.values()]
    assert {tag for tags in used for tag in tags} == {tag["name"] for tag in DOCUMENT["tags"]}
    assert all(len(tags) == 1 for tags in used)


def test_every_operation_wants_a_token_and_every_post_takes_a_key_but_the_one_whose_messages_have_ids() -> None:
    assert DOCUMENT["security"] == [{"bearer": []}]
    assert DOCUMENT["components"]["securitySchemes"]["bearer"]["scheme"] == "bearer"
    for (method, path), operation in OPERATIONS.items():
        assert "security" not in operation
        takes_key = operations.IDEMPOTENCY_KEY in operation.get("parameters", [])
        assert takes_key == (method == "POST" and path != "/ag-ui")
