"""Limits of Lambda and API Gateway: https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html and
https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-execution-service-limits-table.html"""

import json
from collections.abc import Iterable
from typing import Any

MAX_EVENT_BYTES = 6 * 1024 * 1024
MAX_ASYNCHRONOUS_EVENT_BYTES = 1024 * 1024
"""Of an event that nobody waits for: https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html"""
MAX_RESULT_BYTES = MAX_EVENT_BYTES + 100
"""The number in Lambda's own error message."""

MAX_REQUEST_BYTES = 10 * 1024 * 1024
MAX_HEADER_BYTES = 10_240
MAX_URL_CHARACTERS = 10_240
"""The limit of a regional API."""
INTEGRATION_SECONDS = 29
"""The time-out after which API Gateway answers by itself, whatever the function does."""
STREAM_IDLE_SECONDS = 300
"""The time after which a regional API cuts a stream on which nothing moves:
https://docs.aws.amazon.com/apigateway/latest/developerguide/response-transfer-mode.html"""


class ResultTooLargeError(Exception):
    """A function returned more than Lambda passes on; API Gateway answers INTEGRATION_FAILURE."""


def is_too_large(event: Any) -> bool:
    """Whether Lambda refuses to be invoked with `event`."""
    # A token's claims can hold half of a surrogate pair, which has a size all the same.
    return _bytes(event, errors="surrogatepass") > MAX_EVENT_BYTES


def check(result: Any) -> None:
    """Raises ResultTooLargeError; TypeError or ValueError for a value outside JSON."""
    if _bytes(result) > MAX_RESULT_BYTES:
        raise ResultTooLargeError(
            f"Response payload size exceeded maximum allowed payload size ({MAX_RESULT_BYTES} bytes)."
        )


def header_bytes(headers: Iterable[tuple[str, str]]) -> int:
    """The size of headers as API Gateway counts it: names, values, white space and line ends."""
    return sum(len(f"{name}: {value}\r\n") for name, value in headers)


def _bytes(value: Any, errors: str = "strict") -> int:
    """The size of JSON as Lambda's Python runtime writes it since 3.12: with spaces, and in UTF-8 without escapes."""
    return len(json.dumps(value, ensure_ascii=False).encode(errors=errors))
