"""Holds what the API answers to infra/openapi.json."""

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator

DOCUMENT = json.loads((Path(__file__).parents[1] / "infra" / "openapi.json").read_text(encoding="utf-8"))
SCHEMAS = "#/components/schemas/"


def check(method: str, path: str, status: int, headers: Mapping[str, str], body: bytes) -> None:
    """Raises AssertionError or ValidationError where a route of the document answers what the document does not say.

    The names of `headers` are in lower case.
    """
    responses = DOCUMENT["paths"][path][method.lower()]["responses"]
    assert str(status) in responses, f"{method} {path} answered {status}, which the document does not have: {body!r}"
    response = resolved(responses[str(status)])
    assert {"retry-after"}.isdisjoint(headers) or "Retry-After" in response["headers"]
    contents = response.get("content", {})
    if not contents:
        assert body == b""
        return
    kind = headers["content-type"]
    assert kind in contents, f"{method} {path} answered {status} as {kind}, not as {', '.join(contents)}"
    if "$ref" in (schema := contents[kind]["schema"]):
        validator(schema["$ref"].removeprefix(SCHEMAS)).validate(json.loads(body))


def resolved(part: dict[str, Any]) -> dict[str, Any]:
    """A part of the document, or the component that it refers to."""
    if "$ref" not in part:
        return part
    found = DOCUMENT
    for name in part["$ref"].removeprefix("#/").split("/"):
        found = found[name]
    return dict(found)


@cache
def validator(name: str) -> Draft202012Validator:
    """Of one schema. It takes no member that the schema does not know, and checks formats."""
    return Draft202012Validator(
        {"$ref": f"{SCHEMAS}{name}", "components": {"schemas": _closed()}},
        format_checker=Draft202012Validator.FORMAT_CHECKER,
    )


@cache
def _closed() -> dict[str, Any]:
    return {
        name: {"additionalProperties": False, **schema} if "properties" in schema else schema
        for name, schema in DOCUMENT["components"]["schemas"].items()
    }
