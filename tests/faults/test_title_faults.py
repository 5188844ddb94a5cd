"""Titles amid faults: the job ends, the session is named at most once, and all that was used is counted."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import timedelta
from itertools import count
from typing import Any

import pytest

from functions.worker.titling import asking
from tests.background import run_worker
from tests.cases import cases
from tests.chat import new_session, send, sent
from tests.client import Client
from tests.faults.injector import Fault, ProcessDiedError, interrupted, outage
from tests.jobs import carry_out_jobs
from tests.titling import ECHOED, due_titles, job, make_title, title, titled_soon
from tests.views import Views, views

pytestmark = pytest.mark.usefixtures("empty_tables", "impatient")
FAULTS = [
    Fault.DIED_BEFORE,
    Fault.DIED_AFTER,
    Fault.THROTTLED,
    Fault.THROTTLED_FOR_LONG,
    Fault.TIMED_OUT_BEFORE,
    Fault.TIMED_OUT_AFTER,
    Fault.TIMED_OUT_FOR_LONG,
    Fault.RIVAL,
    Fault.TWICE,
    Fault.LATE,
]
QUICK = [Fault.DIED_AFTER, Fault.TIMED_OUT_AFTER, Fault.THROTTLED_FOR_LONG]
A_WHILE = timedelta(minutes=16)
DEFAULT = "New Conversation"
ROUNDS = 10


@pytest.fixture
def later(pass_time: Callable[[timedelta], None]) -> Callable[[], None]:
    """Time passes, and the worker carries out what is due, until nothing is."""

    def come() -> None:
        for _ in range(ROUNDS):
            pass_time(A_WHILE)
            if not (due := due_titles()):
                return
            run_worker(*due)
        raise AssertionError(f"still due: {due_titles()}")

    return come


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What the models say to be a title from now on, one after the other, else what they say."""
    said: list[str] = []
    cleaned = asking.cleaned
    monkeypatch.setattr(asking, "cleaned", lambda words: said.pop(0) if said else cleaned(words))
    return said


def users() -> Iterator[tuple[int, str]]:
    return ((at, f"user-{at}") for at in count())


def ended(dynamodb: Any, api: Client, session_id: str) -> Views:
    """The views of a session whose title is made or given up."""
    found = views(dynamodb, str(api.user_id), session_id)
    found.check()
    found.check_nothing_is_pending()
    assert job(api, session_id) is None
    assert "untitled" not in found.session
    return found


@pytest.mark.parametrize("fault", cases(FAULTS, thorough=[one for one in FAULTS if one not in QUICK]))
def test_a_title_amid_a_fault_is_made_once_whichever_request_it_meets(
    fault: Fault, dynamodb: Any, later: Callable[[], None]
) -> None:
    for at, user_id in users():
        api = Client(user_id)
        session_id = titled_soon(api)
        with outage(fault, at, patience=0.1) as met, suppress(ProcessDiedError):
            make_title(api, session_id)
        later()
        (turn,) = ended(dynamodb, api, session_id).turns.values()
        assert (title(api, session_id), turn["calls"].count('"title"')) == (ECHOED, 1)
        if not met.hit:
            break
    assert at > 5


@pytest.mark.parametrize("fault", cases(FAULTS, thorough=[one for one in FAULTS if one not in QUICK]))
def test_a_title_that_no_model_gives_is_given_up_and_counted_amid_a_fault(
    fault: Fault, dynamodb: Any, later: Callable[[], None], answers: list[str]
) -> None:
    for at, user_id in users():
        api = Client(user_id)
        session_id = titled_soon(api)
        answers[:] = [""] * 3
        with outage(fault, at, patience=0.1) as met, suppress(ProcessDiedError):
            make_title(api, session_id)
        later()
        (turn,) = ended(dynamodb, api, session_id).turns.values()
        assert title(api, session_id) == DEFAULT
        assert turn["calls"].count('"title"') in ((2, 3) if met.hit else (3,))  # an attempt may be lost with its call
        if not met.hit:
            break
    assert at > 5


def test_a_model_that_fails_first_amid_a_fault_gives_the_title_at_last(
    dynamodb: Any, later: Callable[[], None], answers: list[str]
) -> None:
    for at, user_id in users():
        api = Client(user_id)
        session_id = titled_soon(api)
        answers[:] = [""]
        with outage(Fault.TIMED_OUT_AFTER, at, patience=0.1) as met:
            make_title(api, session_id)
        later()
        (turn,) = ended(dynamodb, api, session_id).turns.values()
        assert (title(api, session_id), turn["calls"].count('"title"')) == (ECHOED, 2)
        if not met.hit:
            break
    assert at > 5


@pytest.mark.parametrize("fault", cases(FAULTS, thorough=[one for one in FAULTS if one not in QUICK]))
def test_a_first_turn_amid_a_fault_leaves_the_job_with_its_answer_or_not_at_all(
    fault: Fault, dynamodb: Any, later: Callable[[], None]
) -> None:
    for at, user_id in users():
        api = Client(user_id)
        session_id = new_session(api)
        with outage(fault, at, patience=0.1) as met, suppress(ProcessDiedError):
            send(api, session_id, "hello")
        found = views(dynamodb, user_id, session_id)
        assert (job(api, session_id) is not None) == bool(found.messages)
        if not met.hit:
            break
    assert at > 3


def test_a_session_that_is_renamed_at_any_moment_keeps_its_users_title(
    dynamodb: Any, later: Callable[[], None]
) -> None:
    for at, user_id in users():
        api = Client(user_id)
        session_id = titled_soon(api)
        rename = lambda api=api, of=session_id: api.patch(f"/sessions/{of}", json={"title": "Mine"})  # noqa: E731
        with interrupted(at, rename) as met:
            make_title(api, session_id)
        later()
        ended(dynamodb, api, session_id)
        assert title(api, session_id) == ("Mine" if met.hit else ECHOED)
        if not met.hit:
            break
    assert at > 5


def test_a_turn_at_any_moment_of_a_title_is_stored_and_counted_with_it(
    dynamodb: Any, later: Callable[[], None]
) -> None:
    for at, user_id in users():
        api = Client(user_id)
        session_id = titled_soon(api)
        with interrupted(at, lambda api=api, of=session_id: sent(api, of, "again")) as met:
            make_title(api, session_id)
        later()
        found = ended(dynamodb, api, session_id)
        assert (title(api, session_id), len(found.turns)) == (ECHOED, 1 + met.hit)
        if not met.hit:
            break
    assert at > 5


@pytest.mark.parametrize("permanent", [False, True])
def test_a_session_that_is_deleted_at_any_moment_of_a_title_keeps_exact_counters_or_nothing(
    permanent: bool, dynamodb: Any, later: Callable[[], None]
) -> None:
    for at, user_id in users():
        api = Client(user_id)
        session_id = titled_soon(api)
        path = f"/sessions/{session_id}" + ("?permanent=true" if permanent else "")
        with interrupted(at, lambda api=api, path=path: (api.delete(path), carry_out_jobs())) as met:
            make_title(api, session_id)
        later()
        if permanent and met.hit:
            items = dynamodb.scan(TableName="chatkeep-SessionsTable", ConsistentRead=True)["Items"]
            left = [one["sk"]["S"] for one in items if session_id in one["pk"]["S"] + one["sk"]["S"]]
            assert left == []
            (day,) = api.get("/stats/daily").json["days"]
            assert (day["turns"], [one["calls"] for one in day["by_model"]]) in ((1, [1]), (1, [2]))
        else:
            ended(dynamodb, api, session_id)
        if not met.hit:
            break
    assert at > 5
