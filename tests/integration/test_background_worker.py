"""The worker: which turns it begins, puts off, gives up or finds dead, and how it tells of them."""

import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from chatkeep.clock import milliseconds, now
from chatkeep.models.background import BackgroundTurn
from chatkeep.models.event_batch import EventBatch
from chatkeep.models.session import Session
from chatkeep.models.totals import Totals
from chatkeep.models.turn import Turn
from chatkeep.telemetry import logger
from chatkeep.turns import lease
from chatkeep.turns.lease import Sender
from functions.worker import claims
from functions.worker.attempt import MOST_REFUSALS
from functions.worker.lost import MOST_ATTEMPTS
from tests.background import ask, asked, due_turns, keys, nudged, run_worker
from tests.chat import new_session
from tests.client import Client
from tests.jobs import metrics, run_sweep, written
from tests.views import views

pytestmark = pytest.mark.usefixtures("empty_tables")
LIMIT = 5
HOUR = timedelta(hours=1)
PAUSE = timedelta(seconds=claims.PAUSE_SECONDS + 1)
BARELY = 450.5
"""Seconds of an invocation that has time for one turn, if that begins within half a second."""


@pytest.fixture
def session_id(api: Client) -> str:
    return new_session(api)


@pytest.fixture
def job(api: Client, session_id: str) -> BackgroundTurn:
    """A turn that waits to be run."""
    return stored(api, session_id, asked(api, session_id, "hello"))


def stored(api: Client, session_id: str, turn_id: str) -> BackgroundTurn:
    found = BackgroundTurn.find(api.user_id, session_id, turn_id)
    assert found
    return found


def anew(job: BackgroundTurn) -> BackgroundTurn | None:
    return BackgroundTurn.find(job.user_id, job.session_id, job.turn_id)


def record(job: BackgroundTurn) -> Turn | None:
    return Turn.find(job.user_id, job.session_id, job.turn_id)


def run(job: BackgroundTurn, seconds: float = 900) -> None:
    run_worker((job.pk, job.sk), seconds=seconds)


def die(job: BackgroundTurn) -> None:
    """Leave the job as a worker leaves it whose process dies after it has claimed it."""
    assert claims.take(job, even_if_put_off=True)


def take_all_slots(user_id: str) -> None:
    later = milliseconds(now()) + 30_000
    Totals(user_id).update([Totals.slots.add({f"another{number}@{later}" for number in range(LIMIT)})])


def hold(job: BackgroundTurn, turn_id: str = "another", seconds: float = 30) -> Session:
    """Have a turn run on the session."""
    sender = Sender(job.user_id, job.session_id, turn_id, milliseconds(now()) + int(seconds * 1000))
    return lease.acquire(sender, Session.sk.exists())


def test_a_turn_of_a_user_who_has_enough_of_them_is_put_off_and_run_later(
    job: BackgroundTurn, pass_time: Callable[[timedelta], None]
) -> None:
    take_all_slots(job.user_id)
    run(job)
    waiting = anew(job)
    assert waiting
    assert (waiting.status, waiting.attempts, waiting.refusals, waiting.error) == ("pending", 0, 1, "too_many_turns")
    assert due_turns() == []
    pass_time(PAUSE)
    run_worker()
    assert getattr(record(job), "status", None) == "completed"


@pytest.mark.thorough
def test_when_a_user_has_enough_turns_the_users_others_are_left_to_the_schedule(api: Client) -> None:
    turns = [(one, asked(api, one, "hello")) for one in (new_session(api) for _ in range(4))]
    take_all_slots(str(api.user_id))
    run_worker(*(keys(api, *one) for one in turns))
    assert [int(stored(api, *one).refusals) for one in turns] == [1, 0, 0, 0]


def test_a_turn_waits_for_the_one_that_runs_and_is_put_off_before_its_time_gets_short(job: BackgroundTurn) -> None:
    held = hold(job)
    began = time.monotonic()
    run(job, BARELY)
    assert time.monotonic() - began < 5
    waiting = anew(job)
    assert waiting
    assert (waiting.status, waiting.attempts, waiting.error) == ("pending", 0, "turn_in_progress")
    lease.release(held)


@pytest.mark.thorough
def test_a_turn_that_is_refused_for_an_hour_ends_as_failed(
    job: BackgroundTurn, pass_time: Callable[[timedelta], None]
) -> None:
    for _ in range(MOST_REFUSALS + 1):
        assert record(job) is None
        take_all_slots(job.user_id)
        run(job)
        pass_time(PAUSE)
    failed = record(job)
    assert failed
    assert failed.error["code"] == "too_many_turns"
    assert anew(job) is None


def test_no_turn_begins_in_the_second_half_of_an_invocation(api: Client, job: BackgroundTurn) -> None:
    assert run_worker((job.pk, job.sk), seconds=449) == {"left": 1}
    assert due_turns() == [(job.pk, job.sk)]


def test_an_event_of_a_turn_that_died_keeps_it_from_being_run_again(
    job: BackgroundTurn, dynamodb: Any, pass_time: Callable[[timedelta], None]
) -> None:
    die(job)
    EventBatch(job.user_id, job.session_id, job.turn_id, 1, 0, data=b"", expires_at=0).save()
    pass_time(PAUSE)
    run(job)
    failed = record(job)
    assert failed
    assert (failed.status, failed.error["code"]) == ("failed", "turn_lost")
    found = views(dynamodb, job.user_id, job.session_id)
    found.check()
    assert (found.transcript, anew(job)) == ([], None)


def test_a_turn_that_died_unheard_is_run_again_and_its_attempts_are_counted(
    api: Client, job: BackgroundTurn, pass_time: Callable[[timedelta], None]
) -> None:
    die(job)
    run(job)
    assert record(job) is None  # its claim stands
    pass_time(PAUSE)
    die(job)
    assert stored(api, job.session_id, job.turn_id).attempts == 2
    pass_time(PAUSE)
    run(job)
    assert getattr(record(job), "status", None) == "completed"


@pytest.mark.thorough
def test_a_turn_that_kills_each_of_its_workers_is_given_up(
    job: BackgroundTurn, pass_time: Callable[[timedelta], None]
) -> None:
    for _ in range(MOST_ATTEMPTS):
        die(job)
        pass_time(PAUSE)
    run(job)
    failed = record(job)
    assert failed
    assert failed.error["code"] == "turn_lost"


def test_a_turn_that_still_runs_though_its_claim_ended_is_left_alone(
    job: BackgroundTurn, pass_time: Callable[[timedelta], None]
) -> None:
    die(job)
    held = hold(job, job.turn_id, seconds=200)
    pass_time(PAUSE)
    run(job)
    waiting = anew(job)
    assert waiting
    assert (waiting.attempts, record(job)) == (1, None)
    assert lease.release(held)


@pytest.mark.thorough
def test_a_claim_is_renewed_while_its_turn_runs(
    api: Client, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(claims, "RENEWAL_SECONDS", 0.1)
    session_id = new_session(api, model_name="scripted:slow")
    job = stored(api, session_id, asked(api, session_id, "one two"))
    renewed: list[int] = []
    renew = claims.jobs.renew
    monkeypatch.setattr(claims.jobs, "renew", lambda *given: (renew(*given), renewed.append(given[1])))
    run(job)
    assert len(renewed) > 5
    assert (anew(job), getattr(record(job), "status", None)) == (None, "completed")


def test_a_queued_turn_can_be_cancelled_and_uses_nothing(api: Client, job: BackgroundTurn, dynamodb: Any) -> None:
    path = f"/sessions/{job.session_id}/cancel"
    cancelled = api.post(path, headers={"Idempotency-Key": "c"})
    assert (cancelled.status, cancelled.json["turn_id"]) == (202, job.turn_id)
    assert api.post(path, headers={"Idempotency-Key": "c"}).json == cancelled.json
    assert api.post(path).json["code"] == "no_turn_running"
    run(job)
    found = views(dynamodb, job.user_id, job.session_id)
    found.check()
    assert (found.transcript, found.turns[job.turn_id]["status"]) == ([], "cancelled")


def test_the_repetition_of_a_cancelled_turn_is_told_so_and_runs_nothing(api: Client, session_id: str) -> None:
    turn_id = asked(api, session_id, "hello", key="k")
    api.post(f"/sessions/{session_id}/cancel")
    run_worker()
    again = ask(api, session_id, "hello", key="k")
    assert (again.status, again.json["code"]) == (409, "turn_cancelled")
    assert turn_id in again.json["detail"]
    assert due_turns() == []


def test_the_lines_of_a_turn_name_the_request_that_asked_for_it(
    api: Client, session_id: str, caplog: pytest.LogCaptureFixture, capsys: Any
) -> None:
    caplog.set_level("INFO", logger=logger.service)
    job = stored(api, session_id, asked(api, session_id, "hello"))
    capsys.readouterr()
    run(job)
    (line,) = [vars(record) for record in caplog.records if record.message == "turn ended"]
    assert (line["turn_id"], line["status"]) == (job.turn_id, "completed")
    answer = api.get(f"/sessions/{session_id}/messages").json["messages"][-1]
    assert answer["trace_id"] == job.request_id
    assert metrics(written(capsys))["TurnsCompleted"] == 1


def test_the_sweep_sends_turns_to_the_worker_by_user_and_the_rest_to_purge(
    api: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    users = [api, api.as_user("another")]
    sessions = [(one, new_session(one)) for one in users for _ in range(2)]
    waiting = {keys(one, session, asked(one, session, "hello")) for one, session in sessions}
    api.delete(f"/sessions/{new_session(api)}?permanent=true")
    with nudged(monkeypatch) as nudges:
        assert run_sweep()["due"] == 5
        to_worker, to_purge = nudges.to("TURNS_FUNCTION"), nudges.to("JOBS_FUNCTION")
    assert {one for event in to_worker for one in event} == waiting
    assert [len({pk.rpartition("#")[0] for pk, _ in event}) for event in to_worker] == [1, 1]
    assert [sk.partition("#")[0] for event in to_purge for _, sk in event] == ["DELETION"]


@pytest.mark.thorough
def test_the_running_turn_is_stopped_by_one_that_interrupts_from_the_background(
    api: Client, job: BackgroundTurn
) -> None:
    interrupting = asked(api, job.session_id, "now", strategy="interrupt")
    run(job)  # comes after the one that interrupts
    assert anew(job)
    run_worker(keys(api, job.session_id, interrupting))
    said = [one["content"] for one in api.get(f"/sessions/{job.session_id}/messages").json["messages"]]
    assert said == ["now", "echo: now", "hello", "echo: hello"]
