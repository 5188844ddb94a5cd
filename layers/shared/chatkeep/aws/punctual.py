"""Requests to AWS whose answer is waited for no longer than the caller's deadline allows."""

from typing import Any

from botocore.awsrequest import AWSPreparedRequest
from botocore.exceptions import BotoCoreError

from chatkeep import deadline
from chatkeep.aws import hooks
from chatkeep.retrying import ATTEMPT_SECONDS

CONNECT_SECONDS = 1.0
"""A process's first TLS handshake takes long where the processor is a third of one."""


class OutOfTimeError(BotoCoreError):  # type: ignore[misc]
    """The request was not sent: its answer could not come before the deadline."""

    fmt = "no time is left for a request"


def limit_attempts(client: Any, service: str, read_seconds: float) -> None:
    """Have each attempt of `client` waited for at most `read_seconds`.

    One that could not end before the deadline is not made, and raises OutOfTimeError.
    """

    def limit(request: AWSPreparedRequest, **_: Any) -> None:
        left = deadline.current().storage_seconds_left()
        if left < ATTEMPT_SECONDS:
            raise OutOfTimeError
        request.context["read_timeout"] = min(read_seconds, left - CONNECT_SECONDS)

    hooks.before_attempt(client, service, limit)
