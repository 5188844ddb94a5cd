"""Background turns whose worker dies, or whose storage fails, at each request: each ends once, and says how."""

import json
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import timedelta
from itertools import count
from typing import Any

import pytest

from chatkeep.agent.models import scripted
from chatkeep.models.background import BackgroundTurn
from chatkeep.models.event_batch import EventBatch
from chatkeep.streams import copy
from chatkeep.streams.event import APART
from tests.background import asked, due_turns, keys, run_worker
from tests.cases import cases
from tests.chat import new_session
from tests.client import Client
from tests.faults.injector import Fault, ProcessDiedError, interrupted, outage
from tests.jobs import carry_out_jobs, run_sweep
from tests.views import Views, views

pytestmark = pytest.mark.usefixtures("empty_tables", "impatient")
FAULTS = [
    Fault.DIED_BEFORE,
    Fault.DIED_AFTER,
    Fault.THROTTLED_FOR_LONG,
    Fault.TIMED_OUT_BEFORE,
    Fault.TIMED_OUT_AFTER,
    Fault.TIMED_OUT_FOR_LONG,
    Fault.RIVAL,
    Fault.TWICE,
    Fault.LATE,
]
FOR_LONG = [Fault.THROTTLED_FOR_LONG, Fault.TIMED_OUT_FOR_LONG]
QUICK = [Fault.DIED_AFTER]
ROUNDS = 20
A_WHILE = timedelta(minutes=16)
"""A function's life, after which nothing of it is worth anything."""


@pytest.fixture
def later(pass_time: Callable[[timedelta], None]) -> Callable[[], None]:
    """Time passes, and the schedule has the turns run that are due, until none is."""

    def come() -> None:
        for _ in range(ROUNDS):
            pass_time(A_WHILE)
            run_sweep()
            if not due_turns():
                return
            run_worker()
        raise AssertionError(f"still due: {due_turns()}")

    return come


def a_turn(user_id: str) -> tuple[Client, str, str]:
    api = Client(user_id)
    session_id = new_session(api)
    return api, session_id, asked(api, session_id, "hello")


def ended(dynamodb: Any, api: Client, session_id: str, turn_id: str) -> Views:
    """The views of a session whose only turn has ended, of which nothing else is left."""
    found = views(dynamodb, str(api.user_id), session_id)
    found.check()
    found.check_nothing_is_pending()
    assert turn_id in found.turns
    assert BackgroundTurn.find(api.user_id, session_id, turn_id) is None
    return found


def users() -> Iterator[tuple[int, str]]:
    return ((at, f"user-{at}") for at in count())


@pytest.mark.parametrize("fault", cases(FAULTS, thorough=[one for one in FAULTS if one not in QUICK]))
def test_a_turn_amid_a_fault_is_answered_once_whichever_request_it_meets(
    fault: Fault, dynamodb: Any, later: Callable[[], None]
) -> None:
    """No model of these is asked twice for an answer that is stored."""
    for at, user_id in users():
        api, session_id, turn_id = a_turn(user_id)
        with outage(fault, at, patience=0.1) as met, suppress(ProcessDiedError):
            run_worker(keys(api, session_id, turn_id))
        later()
        turn = ended(dynamodb, api, session_id, turn_id).turns[turn_id]
        assert turn["status"] == "completed" or (fault in FOR_LONG and is_unavailable(turn))
        if not met.hit:
            break
    assert at > 7


def is_unavailable(turn: dict[str, Any]) -> bool:
    return bool(turn["status"] == "failed" and json.loads(turn["error"])["code"] == "storage_unavailable")


@pytest.mark.thorough
@pytest.mark.parametrize("permanent", [False, True])
def test_a_session_that_is_deleted_at_any_moment_of_a_turn_keeps_exact_counters_or_nothing(
    permanent: bool, dynamodb: Any, later: Callable[[], None]
) -> None:
    for at, user_id in users():
        api, session_id, turn_id = a_turn(user_id)
        path = f"/sessions/{session_id}" + ("?permanent=true" if permanent else "")
        with interrupted(at, lambda api=api, path=path: api.delete(path)) as met:
            run_worker(keys(api, session_id, turn_id))
        later()
        if permanent and met.hit:
            carry_out_jobs()
            assert left_of(dynamodb, session_id) == []
        else:
            assert ended(dynamodb, api, session_id, turn_id).turns[turn_id]["status"] in ("completed", "failed")
        if not met.hit:
            break
    assert at > 7


def left_of(dynamodb: Any, session_id: str) -> list[dict[str, Any]]:
    """The items of the session, its receipt aside."""
    items = dynamodb.scan(TableName="chatkeep-SessionsTable", ConsistentRead=True)["Items"]
    return [one for one in items if session_id in one["pk"]["S"] + one["sk"]["S"]]


@pytest.mark.thorough
def test_a_cancel_at_any_moment_before_a_turn_ends_stops_it_or_is_refused(
    dynamodb: Any, later: Callable[[], None]
) -> None:
    outcomes = set()
    for at, user_id in users():
        api, session_id, turn_id = a_turn(user_id)
        told: list[int] = []
        cancel = lambda: told.append(api.post(f"/sessions/{session_id}/cancel").status)  # noqa: B023, E731
        with interrupted(at, cancel) as met:
            run_worker(keys(api, session_id, turn_id))
        later()
        status = ended(dynamodb, api, session_id, turn_id).turns[turn_id]["status"]
        if not met.hit:
            break
        outcomes.add((told[0], status))
    assert at > 7
    assert {(202, "cancelled"), (409, "completed")} <= outcomes


@pytest.mark.thorough
@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")  # a dead process's threads die too
def test_a_worker_that_dies_at_any_request_of_a_turn_that_speaks_runs_it_once_or_loses_it(
    dynamodb: Any, later: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(copy, "BETWEEN_SECONDS", 0.02)
    monkeypatch.setattr(scripted, "SLOW_SECONDS", 0.5)
    outcomes = set()
    for at, user_id in users():
        api = Client(user_id)
        session_id = new_session(api, model_name="scripted:slow")
        turn_id = asked(api, session_id, "one two three")
        with outage(Fault.DIED_AFTER, at) as met, suppress(ProcessDiedError):
            run_worker(keys(api, session_id, turn_id))
        later()
        turn = ended(dynamodb, api, session_id, turn_id).turns[turn_id]
        outcomes.add((turn["status"], json.loads(turn["error"])["code"] if "error" in turn else None))
        told = [int(one.number) for one in EventBatch.among(user_id, session_id)]
        assert len({number // APART for number in told}) == 1  # no attempt comes after one that was heard
        if not met.hit:
            break
    assert at > 10
    assert outcomes == {("completed", None), ("failed", "turn_lost")}
