"""Writes infra/openapi.json, the document of the whole API, from the functions' routes: `python -m infra.openapi`."""

import json
import os
import re
import sys
import tomllib
import warnings
from pathlib import Path
from typing import Any

from aws_lambda_powertools.event_handler.openapi.merge import OpenAPIMerge
from aws_lambda_powertools.event_handler.openapi.models import HTTPBearer, Server

from infra.local.stack import Stack
from infra.local.template import load_api, load_functions

ROOT = Path(__file__).parents[1]
FILE = ROOT / "infra" / "openapi.json"
STACK = Stack(ROOT / "template.yaml", {})
POWERTOOLS_OWN = ("HTTPValidationError", "ResponseValidationError", "ValidationError")
"""Schemas of answers that ours replace."""
IDEMPOTENCY_KEY = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": "The same key and body gets the first answer and changes nothing",
    "schema": {"type": "string", "minLength": 1, "maxLength": 255},
}


def document() -> dict[str, Any]:
    """The OpenAPI document as plain data. The functions' modules must be importable."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    merge = OpenAPIMerge(
        title="Chatkeep",
        version=project["version"],
        description=project["description"],
        servers=[Server(url=f"/{load_api(STACK).stage}")],
        security_schemes={"bearer": HTTPBearer(bearerFormat="JWT")},
        security=[{"bearer": []}],
        on_conflict="error",
    )
    merge.discover(ROOT / "functions", pattern="*/app.py", project_root=ROOT)
    with warnings.catch_warnings():
        warnings.filterwarnings("error", message="Failed to load")  # else a function that does not start is left out
        merged: dict[str, Any] = json.loads(merge.get_openapi_json_schema())
    for name in POWERTOOLS_OWN:
        merged["components"]["schemas"].pop(name, None)
    for path, operations in merged["paths"].items():
        for method, operation in operations.items():
            # Powertools' own is the function's name, the path and the method; names of functions are told apart here.
            operation["operationId"] = operation["operationId"].removesuffix(re.sub(r"\W", "_", path) + f"_{method}")
            if method == "post":
                operation.setdefault("parameters", []).append(IDEMPOTENCY_KEY)
    return merged


def text() -> str:
    """The document as it stands in the file."""
    return json.dumps(document(), indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def _make_functions_importable() -> None:
    """Give this process what the template gives the functions: their variables and their layers."""
    for function in load_functions(STACK).values():
        for name, value in function.environment.items():
            os.environ.setdefault(name, value)
        sys.path.extend(str(layer) for layer in function.layers)


if __name__ == "__main__":
    os.environ.setdefault("AWS_DEFAULT_REGION", "us-east-1")
    _make_functions_importable()
    FILE.write_text(text(), encoding="utf-8")
