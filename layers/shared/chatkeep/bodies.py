"""Bodies of requests and responses: JSON in UTF-8 and nothing else, whatever else Powertools would parse."""

import json
from typing import Any

from aws_lambda_powertools.event_handler import APIGatewayRestResolver
from aws_lambda_powertools.event_handler.middlewares.openapi_validation import OpenAPIRequestValidationMiddleware

from chatkeep.errors import FieldProblem, InvalidFieldError
from chatkeep.text import valid

MEDIA_TYPE = "application/json"


class JsonBodies(OpenAPIRequestValidationMiddleware):
    """Powertools' validation of requests, which by itself takes forms for bodies and fails on bytes and numbers that
    Python cannot read."""

    def _get_body(self, app: Any) -> Any:
        """The body of the current event, None without one. Raises InvalidFieldError."""
        given = app.current_event.headers.get("Content-Type") or MEDIA_TYPE
        media_type = given.partition(";")[0].strip().lower()
        if media_type != MEDIA_TYPE:
            raise _refused(f"must be {MEDIA_TYPE}, not {media_type}")
        try:
            return app.current_event.json_body
        except json.JSONDecodeError as error:
            raise _refused(f"is not JSON: {error.msg}") from None
        except UnicodeDecodeError:
            raise _refused("is not UTF-8") from None
        except ValueError:  # Python's limit on the digits of an integer
            raise _refused("holds a number with too many digits") from None
        except RecursionError:
            raise _refused("is nested too deeply") from None


def serialised(value: Any) -> str:
    """JSON without escapes that UTF-8 does not need, as Lambda bounds an answer in bytes; always valid Unicode."""
    return valid(json.dumps(value, ensure_ascii=False, separators=(",", ":")))


def install(app: APIGatewayRestResolver) -> None:
    """Have `app` read the bodies of its requests this way."""
    app._request_validation_middleware = JsonBodies()  # type: ignore[no-untyped-call]


def _refused(detail: str) -> InvalidFieldError:
    return InvalidFieldError(FieldProblem("body", detail))
