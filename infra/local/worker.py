"""The process of one function: imports its handler and answers one event after the other.

python -m infra.local.worker HANDLER DESCRIPTOR
"""

import importlib
import os
import socket
import sys
import time
import traceback
from collections.abc import Callable
from typing import Any

from infra.local import failures, limits
from infra.local.channel import ChannelClosedError, encode, receive
from infra.local.events import LambdaContext
from infra.local.lifeline import end_with_parent

Handler = Callable[[Any, LambdaContext], Any]


def main() -> None:
    end_with_parent()
    module, _, name = sys.argv[1].rpartition(".")
    channel = socket.socket(fileno=int(sys.argv[2]))
    handler: Handler = getattr(importlib.import_module(module), name)
    channel.sendall(encode({"ready": True}))
    try:
        while True:
            channel.sendall(_answer(handler, receive(channel)))
    except (ChannelClosedError, ConnectionError):
        return


def _answer(handler: Handler, message: dict[str, Any]) -> bytes:
    context = LambdaContext(
        function_name=os.environ["AWS_LAMBDA_FUNCTION_NAME"],
        aws_request_id=message["request_id"],
        deadline=time.monotonic() + message["seconds"],
        memory_limit_in_mb=int(os.environ["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"]),
    )
    try:
        return encode({"result": _checked(handler(message["event"], context))})
    except Exception as error:  # as in Lambda, an error ends the invocation and not the process
        traceback.print_exc()
        return encode({"error": failures.raised(error, context.aws_request_id)})


def _checked(result: Any) -> Any:
    """The result, which Lambda can hand on. Raises MarshalError, ResultTooLargeError."""
    try:
        limits.check(result)
    except (TypeError, ValueError, RecursionError) as error:
        raise failures.MarshalError(f"Unable to marshal response: {error}") from error
    return result


if __name__ == "__main__":
    main()
