"""Hooks into a botocore client; nothing else registers any.

https://docs.aws.amazon.com/boto3/latest/guide/events.html
"""

from collections.abc import Callable
from typing import Any

Hook = Callable[..., Any]


def before_attempt(client: Any, service: str, hook: Hook) -> None:
    """Call `hook` with each `request` right before it is sent, each time that it is."""
    client.meta.events.register_first(f"before-send.{service}", hook, unique_id="before-attempt")


def before_retry(client: Any, service: str, hook: Hook) -> None:
    """Ask `hook` after each attempt: False is against another one, None leaves it to botocore."""
    client.meta.events.register_first(f"needs-retry.{service}", hook, unique_id="before-retry")


def around_request(client: Any, service: str, *, given: Hook, begun: Hook, answered: Hook, failed: Hook) -> None:
    """Call `given` with a request's parameters, `begun` before its first attempt, and one of the others at its end."""
    hooks = {"before-parameter-build": given, "before-call": begun, "after-call": answered, "after-call-error": failed}
    for event, hook in hooks.items():
        client.meta.events.register(f"{event}.{service}", hook, unique_id=f"around-request-{event}")
