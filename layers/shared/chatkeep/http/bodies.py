"""Bodies of requests and responses: JSON objects in UTF-8 and nothing else, whatever else Powertools would parse."""

import json
from collections import Counter
from collections.abc import Callable
from typing import Any

from aws_lambda_powertools.event_handler import APIGatewayRestResolver
from aws_lambda_powertools.event_handler.middlewares.openapi_validation import OpenAPIRequestValidationMiddleware

from chatkeep.errors import FieldProblem, InvalidFieldError
from chatkeep.http import parameters

MEDIA_TYPE = "application/json"
LONGEST_NAME = 200
"""Characters of a name that an answer repeats."""


class RepeatedNameError(ValueError):
    """An object names a member twice."""


class StrictValidation(OpenAPIRequestValidationMiddleware):
    """Powertools' validation of requests, which by itself takes forms for bodies and an array for its first element,
    and fails on bytes and numbers that Python cannot read."""

    def handler(self, app: Any, next_middleware: Any) -> Any:
        parameters.check(app)
        return super().handler(app, next_middleware)

    def _get_body(self, app: Any) -> Any:
        """The object in the current event's body. Raises InvalidFieldError."""
        return read(app.current_event.headers.get("Content-Type"), lambda: app.current_event.json_body)


def read(content_type: str | None, parse: Callable[[], Any]) -> dict[str, Any]:
    """The object that `parse` finds in a body of that type. Raises InvalidFieldError."""
    media_type = (content_type or MEDIA_TYPE).partition(";")[0].strip().lower()
    if media_type != MEDIA_TYPE:
        raise _refused(f"must be {MEDIA_TYPE}, not {media_type}")
    try:
        body = parse()
    except RepeatedNameError as error:
        raise _refused(str(error)) from None
    except json.JSONDecodeError as error:
        raise _refused(f"is not JSON: {error.msg}") from None
    except UnicodeDecodeError:
        raise _refused("is not UTF-8") from None
    except ValueError:  # Python's limit on the digits of an integer
        raise _refused("holds a number with too many digits") from None
    except RecursionError:
        raise _refused("is nested too deeply") from None
    if not isinstance(body, dict):
        raise _refused("must be a JSON object")
    return body


def parsed(text: str) -> Any:
    """The value of JSON in which no object names a member twice: readers differ in which of the two they take.

    Raises RepeatedNameError, and the errors of `json.loads`.
    """
    return json.loads(text, object_pairs_hook=_members)


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) < len(pairs):
        ((repeated, _),) = Counter(name for name, _ in pairs).most_common(1)
        raise RepeatedNameError(f"names {repeated[:LONGEST_NAME]!r} more than once in one object")
    return members


def install(app: APIGatewayRestResolver) -> None:
    """Have `app` read its requests this way."""
    app._request_validation_middleware = StrictValidation()  # type: ignore[no-untyped-call]
    app._json_body_deserializer = parsed


def _refused(detail: str) -> InvalidFieldError:
    return InvalidFieldError(FieldProblem("body", detail))
