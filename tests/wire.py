"""Requests of the models' client to DynamoDB: recorded, or refused in DynamoDB's place."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

from chatkeep.models.session import Session

Refusal = dict[str, Any]


def cancelled(*reasons: str | None) -> Refusal:
    """A TransactionCanceledException with the reason for each item of the transaction."""
    codes = [{"Code": reason or "None"} for reason in reasons]
    return refused("TransactionCanceledException") | {"CancellationReasons": codes}


def refused(code: str) -> Refusal:
    return {"Error": {"Code": code, "Message": "by the test"}}


@contextmanager
def requests() -> Iterator[list[tuple[str, dict[str, Any]]]]:
    """The operations and parameters of the requests made within the context, in order."""
    sent: list[tuple[str, dict[str, Any]]] = []
    events = Session._get_connection().connection.client.meta.events

    def note(model: Any, params: dict[str, Any], **_: Any) -> None:
        sent.append((model.name, params))

    events.register("provide-client-params.dynamodb", note)
    try:
        yield sent
    finally:
        events.unregister("provide-client-params.dynamodb", note)


@contextmanager
def refusing(operation: str, *refusals: Refusal) -> Iterator[list[Refusal]]:
    """Refuse the first requests of `operation`, one per entry of `refusals`; yields the unused entries."""
    left = list(refusals)
    events = Session._get_connection().connection.client.meta.events

    def refuse(**_: Any) -> Any:
        return (SimpleNamespace(status_code=400), left.pop(0)) if left else None

    events.register_first(f"before-call.dynamodb.{operation}", refuse)
    try:
        yield left
    finally:
        events.unregister(f"before-call.dynamodb.{operation}", refuse)


@contextmanager
def before_it_is_dated(happens: Callable[[], object], most: int = 100) -> Iterator[None]:
    """Run `happens` right before each write that sets or compares a session's `updated_at`, except its own."""
    left = [happens] * most
    events = Session._get_connection().connection.client.meta.events
    within = threading.local()

    def interrupt(params: dict[str, Any], **_: Any) -> None:
        if b'"updated_at"' in params["body"] and left and not hasattr(within, "own"):
            within.own = True
            left.pop()()
            del within.own

    events.register_first("before-call.dynamodb", interrupt)
    try:
        yield
    finally:
        events.unregister("before-call.dynamodb", interrupt)
