"""Holds what the API answers to infra/openapi.json."""

import json
from pathlib import Path
from typing import Any

DOCUMENT = json.loads((Path(__file__).parents[1] / "infra" / "openapi.json").read_text(encoding="utf-8"))


def check(method: str, path: str, status: int, content_type: str, body: bytes) -> None:
    """Raises AssertionError where a route of the document answers what the document does not say."""
    responses = DOCUMENT["paths"][path][method.lower()]["responses"]
    assert str(status) in responses, f"{method} {path} answered {status}, which the document does not have: {body!r}"
    ((documented, media),) = responses[str(status)]["content"].items()
    assert content_type == documented
    _check_members(json.loads(body), media["schema"])


def _check_members(value: Any, schema: dict[str, Any]) -> None:
    """Every member that the schema requires is there and no other than it knows, in what is referred to as well."""
    if "$ref" in schema:
        schema = DOCUMENT["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    if isinstance(value, list):
        for one in value:
            _check_members(one, schema.get("items", {}))
    elif isinstance(value, dict) and "properties" in schema:
        assert set(schema.get("required", ())) <= set(value) <= set(schema["properties"]), schema["title"]
        for name, member in value.items():
            _check_members(member, schema["properties"][name])
