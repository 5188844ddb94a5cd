"""Merges what the functions' routes say, and completes it."""

import json
import tomllib
import warnings
from typing import Any

from aws_lambda_powertools.event_handler.openapi.merge import OpenAPIMerge
from aws_lambda_powertools.event_handler.openapi.models import HTTPBearer, License, Server, ServerVariable, Tag

from infra.local.template import load_api
from infra.openapi import examples, operations, problems, schemas, streams
from infra.openapi.stack import ROOT, STACK

POWERTOOLS_OWN = ("HTTPValidationError", "ResponseValidationError", "ValidationError")
"""Schemas of answers that ours replace."""
DESCRIPTION = """A serverless backend for chat applications: sessions, turns, usage and statistics on Lambda and \
DynamoDB.

- **Who calls.** Each request carries a bearer token; the user is its `sub`. Another user's sessions answer 404.
- **Errors** are RFC 9457 problems with a stable `code`. New codes may come with a new version.
- **Repetitions.** `Idempotency-Key` on a POST makes it safe to send it again: the first answer comes back and nothing
  changes. Where front ends give their messages ids, those serve as keys.
- **Lists** come in pages; `next_cursor` is the `cursor` of the next one.
- **Bodies** are JSON in UTF-8; unknown fields are refused. Besides the keywords of JSON Schema, `x-max-bytes` limits
  the bytes of a text in UTF-8, or of a value's JSON with a blank after each comma and colon; `x-max-depth` limits its
  levels of objects and arrays.
- **Money** is in US dollars, times are in UTC.
"""


def document() -> dict[str, Any]:
    """The OpenAPI document as plain data. The functions' modules must be importable."""
    complete = _merged()
    streams.add(complete)
    for name in POWERTOOLS_OWN:
        complete["components"]["schemas"].pop(name, None)
    operations.describe(complete)
    streams.leave_out_keys(complete)
    problems.describe(complete, load_api(STACK).responses)
    streams.put_in_plain_words(complete, load_api(STACK).responses)
    schemas.complete(complete)
    examples.add(complete["components"]["schemas"])
    return complete


def text() -> str:
    """The document as it stands in the file."""
    return json.dumps(document(), indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def _merged() -> dict[str, Any]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    merge = OpenAPIMerge(
        title="Chatkeep",
        version=project["version"],
        description=DESCRIPTION,
        license_info=License(name=project["license"], identifier=project["license"]),
        tags=[Tag(name=name, description=description) for name, description in operations.TAGS.items()],
        servers=_servers(),
        security_schemes={"bearer": HTTPBearer(bearerFormat="JWT", description="A token of the user pool")},
        security=[{"bearer": []}],
        on_conflict="error",
    )
    merge.discover(ROOT / "functions", pattern="*/app.py", project_root=ROOT)
    with warnings.catch_warnings():
        warnings.filterwarnings("error", message="Failed to load")  # else a function that does not start is left out
        merged: dict[str, Any] = json.loads(merge.get_openapi_json_schema())
    return merged


def _servers() -> list[Server]:
    stage = load_api(STACK).stage
    variables = {
        "api": ServerVariable(default="api-id", description="The id of the deployed API"),
        "region": ServerVariable(default="us-east-1", description="The region of the deployment"),
    }
    deployed = f"https://{{api}}.execute-api.{{region}}.amazonaws.com/{stage}"
    return [
        Server(url=f"http://127.0.0.1:3000/{stage}", description="`make run`"),
        Server(url=deployed, description="A deployment: its stack's output `ApiUrl`", variables=variables),
    ]
