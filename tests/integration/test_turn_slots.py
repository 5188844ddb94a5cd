"""One user's share: how many of their turns run or wait at once, over all their sessions."""

from collections.abc import Callable, Iterator
from concurrent.futures import Future, as_completed
from datetime import timedelta
from itertools import islice
from typing import Any

import pytest

from chatkeep import clock
from chatkeep.errors import TooManyTurnsError, TurnInProgressError
from chatkeep.models.totals import Totals
from chatkeep.turns.admission import Strategy
from chatkeep.turns.answers import Answer
from tests.chat import deployment, new_session, send, sent
from tests.client import Client
from tests.senders import Senders, gated
from tests.views import views

LIMIT = 3
CROWD = 12


class Crowd(Senders):
    """Senders to many sessions of one user."""

    def send(
        self, session_id: str, content: str = "long", strategy: Strategy = Strategy.REJECT, key: str | None = None
    ) -> Future[Answer]:
        return self.send_to(session_id, content, strategy, key)

    def running(self, session_id: str | None = None, key: str | None = None) -> Future[Answer]:
        """A turn that has reached its model, on a session of its own if none is given."""
        return self.reach_the_model(self.send(session_id or new_session(self.api), key=key))

    def slots(self) -> set[str]:
        totals = Totals(str(self.api.user_id))
        return set(Totals.get(totals.pk, totals.sk, consistent_read=True).slots or ())

    def until_all_are_taken(self) -> None:
        while len(self.slots()) < LIMIT:
            pass


@pytest.fixture
def crowd(api: Client, monkeypatch: pytest.MonkeyPatch) -> Iterator[Crowd]:
    with gated(monkeypatch, turns_per_user=LIMIT) as pool:
        made = Crowd(api, pool)
        yield made
        made.gate.set()


def refused(turn: Future[Answer]) -> bool:
    return isinstance(turn.exception(20), TooManyTurnsError)


def test_of_a_crowd_that_sends_at_once_as_many_run_as_the_limit_and_the_rest_is_refused(crowd: Crowd) -> None:
    sessions = [new_session(crowd.api) for _ in range(CROWD)]
    turns = [crowd.send(one) for one in sessions]
    assert all(refused(one) for one in islice(as_completed(turns, 20), CROWD - LIMIT))
    assert len(crowd.slots()) == LIMIT
    crowd.gate.set()
    assert [refused(one) for one in turns].count(False) == LIMIT
    assert {one.result().turn.status for one in turns if not refused(one)} == {"completed"}
    assert crowd.slots() == set()


def test_the_answer_to_one_turn_too_many_says_when_to_try_again(crowd: Crowd) -> None:
    turns = [crowd.running() for _ in range(LIMIT)]
    session_id = new_session(crowd.api)
    response = send(crowd.api, session_id, "quick", key="k")
    assert (response.status, response.json["code"]) == (429, "too_many_turns")
    assert int(response.headers["retry-after"]) >= 1
    assert crowd.api.get(f"/sessions/{session_id}/messages").json["messages"] == []
    crowd.gate.set()
    assert [one.result().turn.status for one in turns] == ["completed"] * LIMIT
    assert sent(crowd.api, session_id, "quick", key="k")["status"] == "completed"


def test_one_turn_too_many_is_no_failure_of_the_deployment(crowd: Crowd, capsys: pytest.CaptureFixture[str]) -> None:
    turns = [crowd.running() for _ in range(LIMIT)]
    session_id = new_session(crowd.api)
    capsys.readouterr()
    assert send(crowd.api, session_id, "quick").status == 429
    assert "TurnsFailed" not in capsys.readouterr().out
    crowd.gate.set()
    assert [one.result().turn.status for one in turns] == ["completed"] * LIMIT


def test_one_user_takes_no_slots_of_another(crowd: Crowd) -> None:
    turns = [crowd.running() for _ in range(LIMIT)]
    other = Client(f"{crowd.api.user_id}-2")
    assert sent(other, new_session(other), "quick")["status"] == "completed"
    crowd.gate.set()
    assert [one.result().turn.status for one in turns] == ["completed"] * LIMIT


def test_those_who_wait_count_and_give_their_slots_back(crowd: Crowd) -> None:
    session_id = new_session(crowd.api)
    first = crowd.running(session_id)
    waiting = [crowd.send(session_id, "quick", Strategy.ENQUEUE) for _ in range(LIMIT - 1)]
    crowd.until_all_are_taken()
    assert refused(crowd.send(session_id, "quick", Strategy.ENQUEUE))
    assert refused(crowd.send(new_session(crowd.api), "quick"))
    crowd.gate.set()
    assert [one.result().turn.status for one in (first, *waiting)] == ["completed"] * LIMIT
    assert crowd.slots() == set()


def test_repetitions_that_wait_for_an_answer_count(crowd: Crowd) -> None:
    session_id = new_session(crowd.api)
    first = crowd.running(session_id, key="k")
    again = [crowd.send(session_id, key="k") for _ in range(LIMIT - 1)]
    crowd.until_all_are_taken()
    assert refused(crowd.send(session_id, key="k"))
    crowd.gate.set()
    assert {one.result().turn.turn_id for one in again} == {first.result().turn.turn_id}
    assert crowd.slots() == set()


def test_a_sender_who_is_refused_for_the_running_turn_takes_no_slot(crowd: Crowd) -> None:
    session_id = new_session(crowd.api)
    first = crowd.running(session_id)
    again = [crowd.send(session_id, "quick") for _ in range(LIMIT)]
    assert {type(one.exception(20)) for one in again} == {TurnInProgressError}
    assert len(crowd.slots()) == 1
    crowd.gate.set()
    assert first.result().turn.status == "completed"


@pytest.mark.parametrize("graph", ["tests.graphs:mute", "tests.graphs:raising"])
def test_a_turn_that_fails_gives_its_slot_back(
    api: Client, dynamodb: Any, monkeypatch: pytest.MonkeyPatch, graph: str
) -> None:
    session_id = new_session(api)
    with deployment(monkeypatch, {"GRAPH": graph, "TURNS_PER_USER": "1"}):
        assert [send(api, session_id, "hello").json["code"] for _ in range(3)] == ["graph_failed"] * 3
    views(dynamodb, str(api.user_id), session_id).check_nothing_is_pending()


def test_the_slots_of_senders_that_died_end_with_their_leases(
    crowd: Crowd, pass_time: Callable[[timedelta], None]
) -> None:
    later = timedelta(minutes=1)
    dead = {f"owner-{number}@{clock.milliseconds(clock.now() + later)}" for number in range(LIMIT)}
    Totals(str(crowd.api.user_id)).update([Totals.slots.add(dead)])
    session_id = new_session(crowd.api)
    assert refused(crowd.send(session_id, "quick"))
    pass_time(2 * later)
    assert crowd.send(session_id, "quick").result().turn.status == "completed"
    assert crowd.slots() == set()
