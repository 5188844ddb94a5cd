"""Lambda's limits on a buffered invocation: https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html"""

import json
from typing import Any

MAX_EVENT_BYTES = 6 * 1024 * 1024
MAX_RESULT_BYTES = MAX_EVENT_BYTES + 100
"""As in the message of Lambda's own error."""


class ResultTooLargeError(Exception):
    """A function returned more than Lambda passes on; API Gateway answers INTEGRATION_FAILURE."""


def is_too_large(event: Any) -> bool:
    """Whether Lambda refuses to be invoked with `event`."""
    return _bytes(event) > MAX_EVENT_BYTES


def check(result: Any) -> None:
    """Raises ResultTooLargeError; TypeError or ValueError for what JSON cannot say."""
    if _bytes(result) > MAX_RESULT_BYTES:
        raise ResultTooLargeError(
            f"Response payload size exceeded maximum allowed payload size ({MAX_RESULT_BYTES} bytes)."
        )


def _bytes(value: Any) -> int:
    """Of JSON as Lambda's Python runtime writes it from 3.12 on: with spaces, and in UTF-8 without escapes."""
    return len(json.dumps(value, ensure_ascii=False).encode())
