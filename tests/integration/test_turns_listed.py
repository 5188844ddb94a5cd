"""GET /sessions/{session_id}/turns and .../turns/{turn_id}: each turn, whatever has become of it, and what it used."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chatkeep import ids
from chatkeep.clock import milliseconds, now, stamp
from chatkeep.deadline import Deadline
from chatkeep.models.event_batch import EventBatch
from chatkeep.models.session import Session
from chatkeep.models.turn import Turn, TurnStatus
from chatkeep.streams.copy import KEPT_SECONDS
from chatkeep.turns import lease, queue
from chatkeep.turns.lease import Sender
from chatkeep.turns.queue import Ticket
from tests import graphs
from tests.background import keys, run_worker
from tests.chat import deployment, new_session, send, sent
from tests.client import Client
from tests.faults.injector import interrupted

NEVER = 10**6
SONNET = "bedrock:anthropic.claude-3-5-sonnet-20240620-v1:0"


@pytest.fixture
def session_id(api: Client) -> str:
    return new_session(api)


@pytest.fixture
def moody(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with deployment(monkeypatch, {"GRAPH": "tests.graphs:moody"}):
        yield


def listed(api: Client, session_id: str, limit: int = 100) -> list[dict[str, Any]]:
    """All turns of the list, page by page."""
    turns: list[dict[str, Any]] = []
    params: dict[str, Any] = {"limit": limit}
    while True:
        page = api.get(f"/sessions/{session_id}/turns", params=params).json
        assert 0 < len(page["turns"]) <= limit or (page["turns"] == turns == [])
        turns += page["turns"]
        if page["next_cursor"] is None:
            return turns
        params["cursor"] = page["next_cursor"]


def one(api: Client, session_id: str, turn_id: str) -> dict[str, Any]:
    response = api.get(f"/sessions/{session_id}/turns/{turn_id}")
    assert response.status == 200, response.text
    shown: dict[str, Any] = response.json
    return shown


def hold(api: Client, session_id: str, turn_id: str) -> Session:
    """Have the turn run on the session."""
    sender = Sender(str(api.user_id), session_id, turn_id, Deadline.within(60).lease_expiry())
    return lease.acquire(sender, Session.sk.exists())


def tell(api: Client, session_id: str, turn_id: str, ago: timedelta = timedelta(0)) -> None:
    """Have a batch of the turn's events be stored."""
    expires_at = milliseconds(now() - ago) // 1000 + KEPT_SECONDS
    EventBatch(str(api.user_id), session_id, turn_id, 1, 0, data=b"", expires_at=expires_at).save()


def test_a_turn_is_shown_with_its_answer_and_what_each_call_used(api: Client, session_id: str) -> None:
    answered = sent(api, session_id, "hello")
    shown = one(api, session_id, answered["turn_id"])
    assert shown["message"] == answered["message"]
    assert (shown["status"], shown["attempts"], shown["error"]) == ("completed", 1, None)
    assert (shown["usage"], shown["response_time_ms"]) == (answered["usage"], answered["response_time_ms"])
    (call,) = shown["calls"]
    tokens = ("input_tokens", "output_tokens")
    assert [call[name] for name in tokens] == [answered["usage"][name] for name in tokens]
    assert (call["model_name"], call["calls"], call["estimated"]) == ("scripted:echo", 1, False)
    assert listed(api, session_id) == [{**shown, "message": None}]


@pytest.mark.usefixtures("endpoint")
def test_cached_and_reasoning_tokens_are_shown_with_the_call(api: Client) -> None:
    session_id = new_session(api, model_name="openai:tiny")
    (call,) = one(api, session_id, sent(api, session_id, "hello")["turn_id"])["calls"]
    assert (call["cache_read_tokens"], call["reasoning_tokens"], call["cost"]) == (100, 30, None)


@pytest.mark.usefixtures("bedrock")
def test_dollars_are_shown_with_the_call_and_the_turn(api: Client) -> None:
    session_id = new_session(api, model_name=SONNET)
    shown = one(api, session_id, sent(api, session_id, "hello")["turn_id"])
    assert [call["cost"] for call in shown["calls"]] == [shown["usage"]["cost"]] == [0.006]


@pytest.mark.usefixtures("moody")
def test_a_failed_turn_is_shown_with_its_problem_and_afterwards_with_all_its_attempts(
    api: Client, session_id: str
) -> None:
    graphs.failing[:] = [True]
    failed = send(api, session_id, "quick", key="k")
    (shown,) = listed(api, session_id)
    assert (shown["status"], shown["attempts"], shown["usage"]["cost"]) == ("failed", 1, None)
    assert {name: shown["error"][name] for name in failed.json} == failed.json
    answered = sent(api, session_id, "quick", key="k")
    again = one(api, session_id, shown["turn_id"])
    assert (again["status"], again["attempts"], len(again["calls"])) == ("completed", 2, 2)
    assert again["usage"] == answered["usage"]


@pytest.mark.usefixtures("moody")
def test_a_failed_turn_that_runs_again_is_running(api: Client, session_id: str) -> None:
    graphs.failing[:] = [True]
    send(api, session_id, "quick", key="k")
    (failed,) = listed(api, session_id)
    held = hold(api, session_id, failed["turn_id"])
    shown = one(api, session_id, failed["turn_id"])
    assert (shown["status"], shown["attempts"], shown["error"]) == ("running", 2, None)
    assert listed(api, session_id) == [shown]
    lease.release(held)
    assert one(api, session_id, failed["turn_id"]) == {**failed}


def test_turns_that_run_and_wait_come_first(
    api: Client, session_id: str, pass_time: Callable[[timedelta], None]
) -> None:
    done = sent(api, session_id, "hello")["turn_id"]
    running, waiting = ids.new(), ids.derived("waits")
    hold(api, session_id, running)
    ticket = Ticket(waiting, milliseconds(now()) + 60_000, interrupts=False)
    queue.join(Sender(str(api.user_id), session_id, waiting, 0), ticket, otherwise=AssertionError())  # type: ignore[arg-type]
    found = {turn["turn_id"]: (turn["status"], turn["attempts"]) for turn in listed(api, session_id, limit=1)}
    assert found == {running: ("running", 1), waiting: ("queued", 0), done: ("completed", 1)}
    assert list(found)[-1] == done
    assert one(api, session_id, waiting)["usage"] is None
    pass_time(timedelta(hours=1))
    assert [turn["turn_id"] for turn in listed(api, session_id)] == [done]
    assert api.get(f"/sessions/{session_id}/turns/{running}").json["code"] == "turn_not_found"


def test_a_background_turn_is_queued_until_it_has_its_session(api: Client, session_id: str) -> None:
    asked = send(api, session_id, "hello", background=True)
    assert asked.status == 202
    turn_id = asked.json["turn_id"]
    shown = one(api, session_id, turn_id)
    assert (shown["status"], shown["attempts"], shown["usage"]) == ("queued", 0, None)
    assert listed(api, session_id) == [shown]
    held = hold(api, session_id, turn_id)
    assert one(api, session_id, turn_id)["status"] == listed(api, session_id)[0]["status"] == "running"
    lease.release(held)
    run_worker(keys(api, session_id, turn_id))
    assert one(api, session_id, turn_id)["message"]["content"] == "echo: hello"


@settings(max_examples=10)
@given(minutes=st.lists(st.integers(0, 10_000), unique=True, max_size=12), limit=st.integers(1, 5))
def test_turns_come_newest_first_whatever_their_ids(api: Client, minutes: list[int], limit: int) -> None:
    session_id = new_session(api)
    began = {ids.derived(session_id, str(one)): stamp(now() - timedelta(minutes=one)) for one in minutes}
    for turn_id, at in began.items():
        Turn(str(api.user_id), session_id, turn_id, status=TurnStatus.COMPLETED, created_at=at, calls=[]).save()
    expected = sorted(began, key=began.__getitem__, reverse=True)
    assert [turn["turn_id"] for turn in listed(api, session_id, limit)] == expected


def test_a_turn_that_died_while_it_was_streamed_is_lost(api: Client, session_id: str) -> None:
    before, lost = sent(api, session_id, "hello")["turn_id"], ids.derived("streamed")
    tell(api, session_id, before)
    tell(api, session_id, lost, ago=timedelta(seconds=-2))
    shown = one(api, session_id, lost)
    assert (shown["status"], shown["error"]["code"], shown["message"]) == ("failed", "turn_lost", None)
    assert listed(api, session_id)[0] == shown
    assert [turn["turn_id"] for turn in listed(api, session_id, limit=1)] == [lost, before]
    held = hold(api, session_id, lost)
    assert one(api, session_id, lost)["status"] == "running"
    lease.release(held)


def test_events_that_only_wait_to_be_deleted_tell_of_no_turn(api: Client, session_id: str) -> None:
    old = ids.new()
    tell(api, session_id, old, ago=timedelta(hours=2))
    assert listed(api, session_id) == []
    assert api.get(f"/sessions/{session_id}/turns/{old}").json["code"] == "turn_not_found"


def test_a_turn_that_begins_or_ends_while_it_is_looked_for_is_not_lost(api: Client, session_id: str) -> None:
    for at in range(4):
        turn_id = ids.derived(session_id, str(at))

        def begin(name: str = turn_id) -> None:
            hold(api, session_id, name)
            tell(api, session_id, name)

        with interrupted(at, begin):
            shown = api.get(f"/sessions/{session_id}/turns/{turn_id}")
        assert shown.status == 404 or shown.json["status"] == "running", at
        session = Session(str(api.user_id), session_id)
        session.update(lease.giving_up())
        Turn(str(api.user_id), session_id, turn_id, status=TurnStatus.FAILED, created_at=stamp(now())).save()


def test_reported_usage_is_in_the_list(api: Client, session_id: str) -> None:
    body = {"message_count": 2, "tokens_used": 120, "cost": 0.0015}
    reported = api.post(f"/sessions/{session_id}/usage", json=body).json["turn_id"]
    (shown,) = listed(api, session_id)
    assert (shown["turn_id"], shown["status"], shown["attempts"]) == (reported, "reported", 0)
    assert (shown["usage"]["total_tokens"], shown["usage"]["cost"]) == (120, 0.0015)


@pytest.mark.parametrize("turn_id", ["nonsense", "0198c0de-5e55-7000-8000-0000000000f0", "x" * 900])
def test_a_turn_that_nothing_names_is_not_found(api: Client, session_id: str, turn_id: str) -> None:
    response = api.get(f"/sessions/{session_id}/turns/{turn_id}")
    assert (response.status, response.json["code"]) == (404, "turn_not_found")


def test_turns_of_a_session_are_its_users_alone_and_go_with_it(api: Client, session_id: str) -> None:
    turn_id = sent(api, session_id, "hello")["turn_id"]
    other = api.as_user(f"user-{ids.new()}")
    routes = [f"/sessions/{session_id}/turns", f"/sessions/{session_id}/turns/{turn_id}"]
    assert [other.get(route).json["code"] for route in routes] == ["session_not_found"] * 2
    api.delete(f"/sessions/{session_id}")
    assert [api.get(route).status for route in routes] == [200, 200]  # softly deleted, it can be read
    api.delete(f"/sessions/{session_id}?permanent=true")
    assert [api.get(route).json["code"] for route in routes] == ["session_not_found"] * 2


def test_a_cursor_is_good_for_its_list_alone(api: Client, session_id: str) -> None:
    sent(api, session_id, "one")
    sent(api, session_id, "two")
    cursor = api.get(f"/sessions/{session_id}/turns", params={"limit": 1}).json["next_cursor"]
    elsewhere = api.get(f"/sessions/{new_session(api)}/turns", params={"cursor": cursor})
    assert (elsewhere.status, elsewhere.json["errors"][0]["field"]) == (422, "cursor")


def test_a_page_takes_five_requests_however_many_turns_there_are(api: Client, session_id: str) -> None:
    """The session, its jobs, the times of all turns, what is stored of streams, and the records of the page."""
    counts = []
    for _ in range(2):
        for _ in range(3):
            sent(api, session_id, "hello")
        with interrupted(NEVER, lambda: None) as met:
            api.get(f"/sessions/{session_id}/turns")
        counts.append(met.count)
    assert counts == [5, 5]
