"""Holds what the API answers to infra/openapi.json."""

import json
from functools import cache
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator

DOCUMENT = json.loads((Path(__file__).parents[1] / "infra" / "openapi.json").read_text(encoding="utf-8"))


def check(method: str, path: str, status: int, content_type: str, body: bytes) -> None:
    """Raises AssertionError where a route of the document answers what the document does not say."""
    responses = DOCUMENT["paths"][path][method.lower()]["responses"]
    assert str(status) in responses, f"{method} {path} answered {status}, which the document does not have: {body!r}"
    assert list(responses[str(status)]["content"]) == [content_type]
    problems = [error.message for error in _validator(method, path, status).iter_errors(json.loads(body))]
    assert problems == [], f"{method} {path} answered {status} with another body than the document says"


@cache
def _validator(method: str, path: str, status: int) -> Any:
    ((_, media),) = DOCUMENT["paths"][path][method.lower()]["responses"][str(status)]["content"].items()
    return Draft202012Validator({**media["schema"], "components": DOCUMENT["components"]})
