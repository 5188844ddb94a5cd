"""Bulk requests of a hundred: exact beside another client, within the function's time, and honest where it is over."""

from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import pytest

from chatkeep import retrying
from chatkeep.models.deletion import Deletion
from functions.sessions.bulk import ENDING_SECONDS, LEAST_SECONDS
from functions.sessions.schemas.bulk import MOST_AT_ONCE
from infra.local.template import load_functions
from tests.chat import new_session
from tests.client import STACK, Client
from tests.lives import ACTIONS
from tests.slow_time import SlowTime, passing
from tests.wire import cancelled, refusing, requests

REQUESTS = dict.fromkeys(("archive", "unarchive", "delete"), 3) | dict.fromkeys(
    ("pin", "unpin", "tag", "untag", "restore", "delete_permanently"), 2
)
"""Per session: its header, the change, and for three of them what became of it."""
SECONDS_PER_REQUEST = 0.015
"""A transaction of three items takes DynamoDB about ten milliseconds, and us five on a third of a processor."""
TIMEOUT = load_functions(STACK)["SessionsFunction"].timeout_seconds


def bulk(api: Client, named: list[str], action: str, **headers: str) -> list[tuple[int, str | None]]:
    """Status and code of each."""
    body = {"session_ids": named, "action": action, **({"tag": "t"} if "tag" in action else {})}
    response = api.post("/sessions/bulk", json=body, headers=headers)
    assert response.status == 200, response.text
    return [(one["status"], one["code"]) for one in response.json["results"]]


def before(action: str) -> str | None:
    """The action that makes this one change something."""
    return {"unarchive": "archive", "unpin": "pin", "untag": "tag", "restore": "delete"}.get(action)


@pytest.mark.parametrize("action", ACTIONS)
def test_a_hundred_sessions_take_two_thirds_of_the_function_s_time(api: Client, action: str) -> None:
    named = [new_session(api) for _ in range(2)]
    if earlier := before(action):
        bulk(api, named, earlier)
    with requests() as sent:
        assert {status for status, _ in bulk(api, named, action)} <= {200, 202}
    looks_at_receipts = action == "delete_permanently"
    assert len(sent) == REQUESTS[action] * len(named) + looks_at_receipts
    assert MOST_AT_ONCE * REQUESTS[action] * SECONDS_PER_REQUEST < TIMEOUT - LEAST_SECONDS - ENDING_SECONDS - 0.5


@pytest.fixture
def slow(api: Client, monkeypatch: pytest.MonkeyPatch) -> Iterator[SlowTime]:
    with passing(monkeypatch, request_seconds=0.4) as passed:
        yield passed


def test_sessions_for_which_there_is_no_time_say_so_and_are_as_they_were(api: Client, slow: SlowTime) -> None:
    named = [new_session(api) for _ in range(8)]
    told = bulk(api, named, "archive", **{"Idempotency-Key": "k"})
    reached = told.index((409, "not_reached"))
    assert told == [(200, None)] * reached + [(409, "not_reached")] * (8 - reached)
    assert 3 <= reached < 8
    statuses = [api.get(f"/sessions/{one}").json["status"] for one in named]
    assert statuses == ["archived"] * reached + ["active"] * (8 - reached)
    assert bulk(api, named, "archive", **{"Idempotency-Key": "k"}) == told
    assert bulk(api, named[reached:], "archive") == [(200, None)] * (8 - reached)
    assert api.get("/stats").json["archived_sessions"] == 8


@pytest.mark.parametrize("request_seconds", [0.01, 0.2, 0.4, 0.7])
@pytest.mark.parametrize("part", [0.0, 0.5, 0.9, 1.0])
def test_a_session_that_keeps_changing_does_not_hide_what_became_of_others(
    api: Client, slow: SlowTime, monkeypatch: pytest.MonkeyPatch, part: float, request_seconds: float
) -> None:
    """Whether its attempts are over first or the time is; `part` of each pause is slept."""
    slow.request_seconds = request_seconds
    monkeypatch.setattr(retrying, "jitter", lambda longest: part * longest)
    named = [new_session(api) for _ in range(3)]
    rival = [cancelled("TransactionConflict", None, None)] * 100
    with refusing("TransactWriteItems", *rival):
        told = bulk(api, named, "archive")
    assert told[0] == (409, "session_changed")
    assert set(told[1:]) <= {(409, "session_changed"), (409, "not_reached")}
    pinned = bulk(api, named, "pin", **{"Idempotency-Key": "k"})
    assert pinned == bulk(api, named, "pin", **{"Idempotency-Key": "k"}) == [(200, None)] * 3


def test_a_repetition_is_told_the_same_and_changes_nothing(api: Client) -> None:
    named = [new_session(api), "nobody's"]
    told = bulk(api, named, "archive", **{"Idempotency-Key": "k"})
    bulk(api, named, "unarchive")
    assert bulk(api, named, "archive", **{"Idempotency-Key": "k"}) == told == [(200, None), (404, "session_not_found")]
    assert api.get("/stats").json["active_sessions"] == 1


def test_a_session_that_is_named_by_both_its_ids_is_changed_once(api: Client) -> None:
    new_session(api, session_id="mine")
    stored = api.get("/sessions/mine/thread-config").json["configurable"]["thread_id"]
    bulk(api, ["mine"], "delete")
    assert bulk(api, ["mine", stored, "mine"], "restore") == [(200, None)] * 3


def persistently(api: Client, named: list[str], action: str) -> set[tuple[int, str | None]]:
    """The outcomes, once all sessions have been seen to: those for which there was no time are named again."""
    found: set[tuple[int, str | None]] = set()
    while named:
        told = bulk(api, named, action)
        named = [one for one, (_, code) in zip(named, told, strict=True) if code in ("not_reached", "session_changed")]
        found |= {one for one in told if one[1] not in ("not_reached", "session_changed")}
    return found


@pytest.mark.parametrize("count", [8, pytest.param(MOST_AT_ONCE, marks=pytest.mark.thorough)])
def test_two_clients_with_the_same_sessions_leave_exact_totals(api: Client, user_id: str, count: int) -> None:
    named = [new_session(api) for _ in range(count)]
    for one in named:
        assert api.post(f"/sessions/{one}/usage", json={"tokens_used": 7}).status == 200
    archived, deleted = together(
        partial(persistently, api, named, "archive"), partial(persistently, api, named[::-1], "delete")
    )
    assert archived <= {(200, None), (409, "session_deleted")}
    assert deleted == {(200, None)}
    stats = api.get("/stats").json
    assert (stats["deleted_sessions"], stats["total_sessions"], stats["total_tokens"]) == (count, count, 7 * count)
    removed = together(*[partial(persistently, api, named, "delete_permanently")] * 2)
    assert removed == [{(202, None)}] * 2
    stats = api.get("/stats").json
    assert (stats["total_sessions"], stats["deleted_sessions"], stats["total_tokens"]) == (0, 0, 0)
    assert Counter(one.session_id for one in Deletion.among(user_id)) == Counter(named)


def together(*acts: Callable[[], Any]) -> list[Any]:
    with ThreadPoolExecutor(len(acts)) as pool:
        return [one.result() for one in [pool.submit(act) for act in acts]]
