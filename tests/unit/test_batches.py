"""Batches of models: what DynamoDB leaves unprocessed is asked for again, with pauses, and not without end."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from chatkeep.dynamodb.connection import fetch, remove
from chatkeep.errors import StorageUnavailableError
from chatkeep.models.part import Part
from chatkeep.models.session import Session
from tests.engines import Engine
from tests.wire import requests


def stored(user_id: str, count: int) -> list[Part]:
    parts = [Part(user_id, "a-session", "a-message", number, data=b"%d" % number) for number in range(count)]
    for part in parts:
        part.save()
    return parts


def keys(parts: list[Part]) -> list[tuple[str, str]]:
    return [(part.pk, part.sk) for part in parts]


@contextmanager
def throttled(operation: str, taken: int) -> Iterator[None]:
    """So many members of each batch are processed, and the others left."""
    events = Session._get_connection().connection.client.meta.events
    left: list[Any] = []

    def split(params: dict[str, Any], **_: Any) -> dict[str, Any]:
        ((table, batch),) = params["RequestItems"].items()
        members = batch["Keys"] if operation == "BatchGetItem" else batch
        rest, first = members[taken:], members[: max(taken, 1)]
        same = {**batch, "Keys": rest} if operation == "BatchGetItem" else rest
        left[:] = [{table: same} if rest else {}]
        asked = {**batch, "Keys": first} if operation == "BatchGetItem" else first
        return {**params, "RequestItems": {table: asked}}

    def tell(parsed: dict[str, Any], **_: Any) -> None:
        parsed["UnprocessedKeys" if operation == "BatchGetItem" else "UnprocessedItems"] = left[0]

    hooks = ((f"provide-client-params.dynamodb.{operation}", split), (f"after-call.dynamodb.{operation}", tell))
    for event, hook in hooks:
        events.register(event, hook)
    try:
        yield
    finally:
        for event, hook in hooks:
            events.unregister(event, hook)


def test_more_items_than_one_batch_takes_are_fetched_and_each_once(engine: Engine, user_id: str) -> None:
    parts = stored(user_id, 130)
    with requests() as sent:
        found = fetch(Part, [*keys(parts), *keys(parts), ("nobody", "nothing")])
    assert sorted(part.data for part in found) == sorted(part.data for part in parts)
    assert len(sent) == 2


def test_nothing_is_asked_where_nothing_is_wanted(engine: Engine) -> None:
    with requests() as sent:
        assert fetch(Part, []) == []
        remove(Part, [])
    assert sent == []


def test_what_is_left_unprocessed_is_asked_for_again(engine: Engine, user_id: str) -> None:
    parts = stored(user_id, 30)
    with throttled("BatchGetItem", taken=7):
        assert len(fetch(Part, keys(parts))) == 30
    with throttled("BatchWriteItem", taken=7):
        remove(Part, parts)
    assert fetch(Part, keys(parts)) == []


def test_what_is_never_processed_ends_in_an_error(
    engine: Engine, user_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    parts = stored(user_id, 3)
    with throttled("BatchGetItem", taken=0), pytest.raises(StorageUnavailableError, match="unprocessed"):
        fetch(Part, keys(parts))
    with throttled("BatchWriteItem", taken=0), pytest.raises(StorageUnavailableError, match="unprocessed"):
        remove(Part, parts)
