"""The registry of stored items names every kind that there is, and is true of it."""

import importlib
import pkgutil
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from chatkeep import models
from chatkeep.checkpoint_items import keys
from chatkeep.kinds import KINDS, Kind, Removal, Table, UnknownKindError, kind_of
from chatkeep.models.table import SessionsTable
from tests.client import STACK, Client
from tests.engines import Engine

SESSIONS = dict(STACK.tables())["chatkeep-SessionsTable"]
OF_THREADS = {
    "checkpoint": keys.header("a", "1"),
    "pending writes": keys.writes("a", "1", "task", 0),
    "row": keys.row("generation", 7),
    "value": keys.join(keys.values("a", "channel"), "token"),
    "oversize payload": keys.join(keys.oversize("a", "1"), "token", "0001"),
    "head": keys.guard("a"),
}


def item(partition: str, sort: str) -> dict[str, Any]:
    return {"pk": {"S": partition}, "sk": {"S": sort}}


def test_every_model_is_in_the_registry_once() -> None:
    for module in pkgutil.iter_modules(models.__path__, f"{models.__name__}."):
        importlib.import_module(module.name)
    named = [kind.model for kind in KINDS if kind.model]
    assert sorted(named, key=str) == sorted(stored(SessionsTable), key=str)


def stored(model: type[SessionsTable]) -> Iterator[type[SessionsTable]]:
    """The models whose items have keys of their own, however many classes lie between."""
    for one in model.__subclasses__():
        yield from [one] if "KEY" in vars(one) else []
        yield from stored(one)


def test_every_letter_that_begins_a_checkpoint_key_is_in_the_registry() -> None:
    letters = {
        value for name, value in vars(keys).items() if name.isupper() and isinstance(value, str) and value.isalpha()
    }
    assert letters == {sort_key[0] for sort_key in OF_THREADS.values()}
    assert OF_THREADS.keys() == {kind.name for kind in KINDS if kind.table is Table.CHECKPOINTS}


@pytest.mark.parametrize("name", OF_THREADS)
def test_the_kind_of_a_threads_item_is_told_by_its_key(name: str) -> None:
    assert kind_of(Table.CHECKPOINTS, item("a thread", OF_THREADS[name])).name == name


@pytest.mark.parametrize("sort", ["", "H", "Z!a", "MESSAGE#1", "TURN#1"])
def test_an_item_of_no_kind_is_told_as_such(sort: str) -> None:
    with pytest.raises(UnknownKindError, match="thread"):
        kind_of(Table.CHECKPOINTS, item("a thread", sort))
    with pytest.raises(UnknownKindError, match="partition"):
        kind_of(Table.SESSIONS, item("a partition", sort))


@pytest.mark.parametrize("kind", [one for one in KINDS if one.model], ids=lambda one: one.name)
def test_an_item_goes_with_its_session_where_its_keys_name_one_and_by_time_where_it_has_a_time(kind: Kind) -> None:
    assert kind.model is not None
    names = set(kind.model.KEY.names)
    timed = SESSIONS["TimeToLiveSpecification"]["AttributeName"] in kind.model.get_attributes()
    of_user = Removal.WITH_USER if "user_id" in names else Removal.NEVER
    expected = Removal.WITH_SESSION if "session_id" in names else Removal.BY_TIME if timed else of_user
    assert kind.removal is expected


STEPS: dict[str, Callable[[Client, str, str], Any]] = {
    "session": lambda api, _, __: api.post("/sessions", json={}),
    "turn": lambda api, session, _: api.post(f"{session}/usage", json={"tokens_used": 1}),
    "message": lambda api, session, answer: api.put(
        f"{session}/messages/{answer}/feedback", json={"rating": "thumbs_up"}
    ),
    "preferences": lambda api, _, __: api.put("/preferences", json={"default_temperature": 0.5}),
    "details": lambda api, session, _: api.patch(session, json={"metadata": {"a": "x" * 300}}),
}


@pytest.mark.parametrize("name", STEPS)
def test_an_item_counts_where_the_registry_says(name: str, api: Client, engine: Engine) -> None:
    session = f"/sessions/{api.post('/sessions', json={}).json['session_id']}"
    answer = api.post(f"{session}/messages", json={"content": "hello"}).json["message"]["message_id"]
    before = counters(engine, str(api.user_id))
    assert STEPS[name](api, session, answer).status in (200, 201)
    there = {(model, sort) for model, sort, _ in before}
    changed = {
        key[0]
        for key, count in counters(engine, str(api.user_id)).items()
        if key[:2] in there and count != before.get(key)
    }
    (kind,) = (one for one in KINDS if one.name == name)
    assert changed == {model.__name__ for model in kind.counted_in}


def counters(engine: Engine, user_id: str) -> dict[tuple[str, str, str], str]:
    """The numbers of every counting item of a user, by its model, its key and their name."""
    counting = {kind.model for kind in KINDS if kind.name in ("session", "totals", "day")}
    of_user = {
        "TableName": "chatkeep-SessionsTable",
        "KeyConditionExpression": "pk = :user",
        "ExpressionAttributeValues": {":user": {"S": f"USER#{user_id}"}},
    }
    return {
        (kind.model.__name__, one["sk"]["S"], name): value["N"]
        for one in engine.client.query(**of_user)["Items"]
        if (kind := kind_of(Table.SESSIONS, one)).model in counting and kind.model
        for name, value in one.items()
        if "N" in value
    }
