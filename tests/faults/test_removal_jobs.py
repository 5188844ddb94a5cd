"""The jobs behind deletions: nudges that get lost or come twice, too little time, and a storage that keeps refusing."""

import json
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from itertools import count
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ConnectTimeoutError

from chatkeep import deadline
from chatkeep.clock import milliseconds, now
from chatkeep.jobs import nudging
from chatkeep.removal.pace import OutOfTimeError, Pace
from chatkeep.settings import settings
from functions.sweep.app import lambda_handler as sweep
from tests.cases import cases
from tests.engines import interceptors
from tests.faults.ends import ENDS, End, begun, check_is_gone
from tests.faults.injector import Fault, interrupted, outage
from tests.faults.network import operation, response
from tests.faults.removals import Keys, Life, short_pages
from tests.faults.stored import TABLES
from tests.faults.story import Impatient
from tests.faults.writers import SESSION, Request
from tests.remaining import remaining

DELETED, PURGED, EXPIRED, ERASED = (ENDS[name] for name in ("deleted for good", "purged", "expired", "erased"))
PAUSES = [60, 120, 240, 480, 960, 1920, 3600, 3600]
"""Seconds: twice as long after each failure, up to an hour."""


@pytest.fixture(autouse=True)
def without_pauses(impatient: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chatkeep.retrying.time", Impatient())


@pytest.fixture
def nudges(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Keys]]:
    """The jobs that the purge function was asked for; each request to invoke it is lost on its way back."""
    asked: list[Keys] = []

    def lose(request: Any) -> Any:
        if "/functions/" not in request.url:
            return None
        asked.extend((pk, sk) for pk, sk in json.loads(request.body)["jobs"])
        if len(asked) % 2:
            raise ConnectTimeoutError(endpoint_url=request.url)
        return response(request, {"message": "slowly"}, status=429)

    monkeypatch.setenv("JOBS_FUNCTION", "PurgeFunction")
    settings.cache_clear()
    interceptors.append(lose)
    yield asked
    interceptors.remove(lose)
    nudging._client.cache_clear()
    monkeypatch.undo()
    settings.cache_clear()


@pytest.fixture
def one_batch_each(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Each invocation has no time left after its first batch."""
    passed = [0.0]

    def pass_time(request: Any) -> None:
        if operation(request) == "BatchWriteItem":
            passed[0] += 297

    monkeypatch.setattr("chatkeep.deadline.time", SimpleNamespace(monotonic=lambda: time.monotonic() + passed[0]))
    interceptors.insert(0, pass_time)
    with short_pages(6):
        yield
    interceptors.remove(pass_time)


@pytest.mark.parametrize("end", cases([DELETED, ERASED], thorough=[ERASED]))
def test_a_deletion_whose_nudge_is_lost_is_carried_out_at_the_schedules_next_sweep(
    life: Life, nudges: list[Keys], end: End
) -> None:
    assert end.ask
    assert end.ask(life).status == 202
    first = nudges.copy()
    assert first == life.scheduled()
    assert life.invoke("SweepFunction", sweep, {})["due"] == 1
    assert nudges == first * 2
    assert life.purge(nudges) == {"left": 0}
    check_is_gone(life, end)


@pytest.mark.parametrize("end", cases([DELETED, ERASED], thorough=[DELETED]))
def test_a_nudge_delivered_twice_at_once_removes_and_counts_once(life: Life, end: End) -> None:
    assert end.ask
    assert end.ask(life).status == 202
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(life.purge, [life.scheduled()] * 4)) == [{"left": 0}] * 4
    check_is_gone(life, end)


@pytest.mark.parametrize("end", cases([DELETED, ERASED], thorough=[ERASED]))
@pytest.mark.usefixtures("one_batch_each")
def test_a_purge_without_time_for_more_gives_its_job_back_and_goes_on_at_once(life: Life, end: End) -> None:
    assert end.ask
    assert end.ask(life).status == 202
    due = life.scheduled()
    invocations = 1
    while life.purge(due) == {"left": 1}:
        invocations += 1
    assert invocations > 4
    check_is_gone(life, end)


@pytest.mark.thorough
@pytest.mark.parametrize("end", [DELETED, ERASED])
@pytest.mark.usefixtures("one_batch_each")
def test_a_purge_out_of_time_and_amid_a_fault_loses_no_job(new_life: Callable[..., Life], end: End) -> None:
    for at in count(0, 5):
        life = begun(new_life, end)
        assert end.ask
        assert end.ask(life).status == 202
        due = life.scheduled()
        with outage(Fault.THROTTLED_FOR_LONG, at) as met:
            while life.purge(due)["left"]:
                assert life.scheduled() == due
        if not met.hit:
            break
        while life.scheduled():
            life.pass_time(timedelta(hours=1))
            life.purge(due)
        check_is_gone(life, end)
    assert at > 10


def job(life: Life) -> dict[str, Any]:
    ((_, pk, sk),) = life.stored().receipts()
    (found,) = life.stored().under(pk, sk)
    return found


@pytest.mark.parametrize("end", cases([DELETED, ERASED], thorough=[ERASED]))
def test_a_job_that_keeps_failing_tells_so_and_is_tried_again_later_each_time(
    life: Life, end: End, capsys: pytest.CaptureFixture[str]
) -> None:
    assert end.ask
    receipt = end.ask(life).json
    assert receipt["status"] == "pending"
    due = life.scheduled()
    for attempts, seconds in enumerate(PAUSES, start=1):
        with outage(Fault.UNPROCESSED_FOR_LONG):
            assert life.purge(due) == {"left": 0}
        failed, earliest = job(life), milliseconds(now()) + seconds * 1000 - 10_000
        assert (failed["attempts"], failed["error"], failed["status"]) == (attempts, "storage_unavailable", "running")
        assert earliest < failed["due_at"] <= earliest + 10_000
        assert '"JobsFailed":[1.0]' in capsys.readouterr().out
        assert life.api.get(f"/deletions/{receipt['deletion_id']}").json["status"] == "running"
        assert life.purge(due) == {"left": 0}
        assert job(life) == failed  # nobody comes earlier
        life.pass_time(timedelta(seconds=seconds))
    assert life.purge(due) == {"left": 0}
    check_is_gone(life, end)
    assert not {"error", "due_at", "due_shard", "subject", "counted_to"} & job(life).keys()


@pytest.mark.parametrize("end", cases([PURGED, EXPIRED], thorough=[PURGED]))
def test_a_session_that_changes_while_its_timer_rings_is_no_failure(
    new_life: Callable[..., Life], end: End, capsys: pytest.CaptureFixture[str]
) -> None:
    """A restoration or a change is in time and keeps the session, or is too late and is told so."""
    keep = Request("PATCH", SESSION, {"title": "kept"}) if end is EXPIRED else Request("POST", f"{SESSION}/restore")
    outcomes = set()
    for at in count():
        life, told = begun(new_life, end), []
        due = life.scheduled()
        life.pass_time(timedelta(days=40))
        with interrupted(at, lambda told=told, life=life: told.append(keep.send(life))) as met:
            life.purge(due)
        if not met.hit:
            break
        life.purge(life.scheduled())
        assert len(told) == 1
        kept = life.api.get(SESSION).json.get("status") == "active"
        assert kept is (told[0].status == 200)
        outcomes.add(kept)
        life.stored().check_totals(life.user_id)
    assert outcomes == {True, False}
    assert "JobsFailed" not in capsys.readouterr().out


@pytest.fixture
def expensive() -> Iterator[None]:
    """Each batch takes as much of the table's capacity as the largest items do."""

    def charge(request: Any) -> Any:
        if operation(request) != "BatchWriteItem":
            return None
        return response(request, {"ConsumedCapacity": [{"CapacityUnits": 10_000}], "UnprocessedItems": {}})

    interceptors.append(charge)
    yield
    interceptors.remove(charge)


@pytest.mark.usefixtures("expensive", "dynamodb")
def test_a_batch_whose_turn_would_come_after_the_deadline_is_left_to_the_next_attempt(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    slept: list[float] = []
    monkeypatch.setattr("chatkeep.retrying.time", SimpleNamespace(sleep=slept.append))
    item, pace = {"pk": {"S": "a"}, "sk": {"S": "b"}}, Pace()
    with deadline.kept({}, remaining(60)):
        pace.delete(TABLES[0], [item])
        pace.delete(TABLES[0], [item])
        with deadline.kept({}, remaining(20)), pytest.raises(OutOfTimeError):
            pace.delete(TABLES[0], [item])
    assert len(slept) == 1
