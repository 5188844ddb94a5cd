"""One user's share: how many of their turns run or wait at once, over all their sessions."""

import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import islice
from typing import Any

import pytest

from chatkeep import clock
from chatkeep.models.totals import Totals
from chatkeep.turns import queue, thread
from tests import graphs
from tests.chat import deployment, new_session, send, sent
from tests.client import Client, Response
from tests.views import views

LIMIT = 3
CROWD = 12


@dataclass
class Crowd:
    """Clients of one user; a turn that is not `quick` runs until `gate` is opened."""

    api: Client
    dynamodb: Any
    pool: ThreadPoolExecutor
    started: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    gate: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        graphs.meanwhile[:] = [self._hold]

    def _hold(self) -> None:
        self.started.release()
        self.gate.wait(20)

    def send(self, session_id: str, content: str = "long", **options: Any) -> Future[Response]:
        return self.pool.submit(send, Client(self.api.user_id), session_id, content, **options)

    def running(self, **options: Any) -> Future[Response]:
        """A turn on a session of its own that has reached its model."""
        one = self.send(new_session(self.api), **options)
        assert self.started.acquire(timeout=20)
        return one

    def slots(self) -> set[str]:
        totals = Totals.of(str(self.api.user_id))
        return set(Totals.get(totals.pk, totals.sk, consistent_read=True).slots or ())

    def until_slots(self, wanted: int) -> None:
        while len(self.slots()) < wanted:
            pass


@pytest.fixture
def crowd(api: Client, dynamodb: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Crowd]:
    monkeypatch.setattr(thread, "FIRST_LOOK_SECONDS", 0.02)
    monkeypatch.setattr(thread, "LOOK_SECONDS", 0.02)
    monkeypatch.setattr(queue, "POLL_SECONDS", 0.02)
    variables = {"GRAPH": "tests.graphs:gated", "TURNS_PER_USER": str(LIMIT)}
    with deployment(monkeypatch, variables), ThreadPoolExecutor(32) as pool:
        made = Crowd(api, dynamodb, pool)
        yield made
        made.gate.set()


def refused(response: Response) -> bool:
    if response.status == 200:
        return False
    assert (response.status, response.json["code"]) == (429, "too_many_turns"), response.text
    assert int(response.headers["retry-after"]) >= 1
    return True


def test_of_a_crowd_that_sends_at_once_as_many_run_as_the_limit_and_the_rest_is_refused(crowd: Crowd) -> None:
    sessions = [new_session(crowd.api) for _ in range(CROWD)]
    sent_at_once = [crowd.send(one) for one in sessions]
    first_answers = [one.result() for one in islice(as_completed(sent_at_once, 20), CROWD - LIMIT)]
    assert all(refused(one) for one in first_answers)
    assert len(crowd.slots()) == LIMIT
    crowd.gate.set()
    assert sorted(one.result().status for one in sent_at_once) == [200] * LIMIT + [429] * (CROWD - LIMIT)
    assert crowd.slots() == set()


def test_a_turn_that_ended_makes_room_for_the_next(crowd: Crowd) -> None:
    turns = [crowd.running() for _ in range(LIMIT)]
    assert refused(crowd.send(new_session(crowd.api)).result())
    crowd.gate.set()
    assert [one.result().status for one in turns] == [200] * LIMIT
    assert sent(crowd.api, new_session(crowd.api), "quick")["status"] == "completed"


def test_those_who_wait_count_and_give_their_slots_back(crowd: Crowd) -> None:
    session_id = new_session(crowd.api)
    first = crowd.send(session_id)
    assert crowd.started.acquire(timeout=20)
    waiting = [crowd.send(session_id, "quick", strategy="enqueue") for _ in range(LIMIT - 1)]
    crowd.until_slots(LIMIT)
    assert refused(crowd.send(session_id, "quick", strategy="enqueue").result())
    assert refused(crowd.send(new_session(crowd.api), "quick").result())
    crowd.gate.set()
    assert [one.result().status for one in (first, *waiting)] == [200] * LIMIT
    assert crowd.slots() == set()


def test_repetitions_that_wait_for_an_answer_count(crowd: Crowd) -> None:
    session_id = new_session(crowd.api)
    first = crowd.send(session_id, key="k")
    assert crowd.started.acquire(timeout=20)
    again = [crowd.send(session_id, key="k") for _ in range(LIMIT - 1)]
    crowd.until_slots(LIMIT)
    assert refused(crowd.send(session_id, key="k").result())
    crowd.gate.set()
    assert {one.result().json["turn_id"] for one in (first, *again)} == {first.result().json["turn_id"]}
    assert crowd.slots() == set()


def test_a_refused_turn_leaves_its_session_free_and_stores_nothing(crowd: Crowd) -> None:
    turns = [crowd.running() for _ in range(LIMIT)]
    other = Client("somebody-else")
    assert sent(other, new_session(other), "quick")["status"] == "completed"
    session_id = new_session(crowd.api)
    assert refused(send(crowd.api, session_id, "quick", key="k"))
    assert "running_turn_id" not in crowd.api.get(f"/sessions/{session_id}").json
    assert crowd.api.get(f"/sessions/{session_id}/messages").json["messages"] == []
    crowd.gate.set()
    assert {one.result().status for one in turns} == {200}
    assert sent(crowd.api, session_id, "quick", key="k")["status"] == "completed"


def test_a_sender_who_is_refused_for_the_running_turn_takes_no_slot(crowd: Crowd) -> None:
    session_id = new_session(crowd.api)
    first = crowd.send(session_id)
    assert crowd.started.acquire(timeout=20)
    assert [send(crowd.api, session_id, "quick").json["code"] for _ in range(LIMIT)] == ["turn_in_progress"] * LIMIT
    assert len(crowd.slots()) == 1
    crowd.gate.set()
    assert first.result().status == 200


@pytest.mark.parametrize("graph", ["tests.graphs:mute", "tests.graphs:raising"])
def test_a_turn_that_fails_gives_its_slot_back(
    api: Client, dynamodb: Any, monkeypatch: pytest.MonkeyPatch, graph: str
) -> None:
    session_id = new_session(api)
    with deployment(monkeypatch, {"GRAPH": graph, "TURNS_PER_USER": "1"}):
        assert [send(api, session_id, "hello").json["code"] for _ in range(3)] == ["graph_failed"] * 3
    views(dynamodb, str(api.user_id), session_id).check_nothing_is_pending()


def test_the_slots_of_senders_that_died_end_with_their_leases(crowd: Crowd, monkeypatch: pytest.MonkeyPatch) -> None:
    later = timedelta(minutes=1)
    dead = {f"owner-{number}@{clock.milliseconds(clock.now() + later)}" for number in range(LIMIT)}
    Totals.of(str(crowd.api.user_id)).update([Totals.slots.add(dead)])
    session_id = new_session(crowd.api)
    assert refused(send(crowd.api, session_id, "quick"))
    real = clock.read
    monkeypatch.setattr(clock, "read", lambda: real() + 2 * later)
    assert sent(crowd.api, session_id, "quick")["status"] == "completed"
    assert crowd.slots() == set()
