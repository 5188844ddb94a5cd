"""Invocations that failed, with the report that Lambda hands to a caller of Invoke in the result's place.

https://docs.aws.amazon.com/lambda/latest/dg/python-exceptions.html
"""

import traceback
from typing import Any

from infra.local.limits import ResultTooLargeError

Report = dict[str, Any]


class MarshalError(Exception):
    """A handler returned a value outside JSON."""


_NAMES = {MarshalError: "Runtime.MarshalError", ResultTooLargeError: "Function.ResponseSizeTooLarge"}


class InvocationFailedError(Exception):
    """`report` has an errorType and an errorMessage."""

    def __init__(self, report: Report) -> None:
        super().__init__(f"{report['errorType']}: {report['errorMessage']}")
        self.report = report


class WorkerFailedError(InvocationFailedError):
    """The handler raised, or its process died."""


class WorkerTimedOutError(InvocationFailedError):
    """The handler had not answered when the function's time-out was over; its process is gone."""


def raised(error: Exception, request_id: str) -> Report:
    """The report of an exception that ended an invocation but not its process."""
    return {
        "errorMessage": str(error),
        "errorType": _NAMES.get(type(error), type(error).__name__),
        "requestId": request_id,
        "stackTrace": traceback.format_list(traceback.extract_tb(error.__traceback__)),
    }


def ended(kind: str, request_id: str, reason: str) -> Report:
    """The report of an invocation whose process ended with it."""
    return {"errorType": kind, "errorMessage": f"RequestId: {request_id} Error: {reason}"}
