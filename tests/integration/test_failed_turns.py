"""Turns that fail before they have said anything keep their id, and a repetition of the request runs them again."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import timedelta
from itertools import count
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pynamodb.exceptions import PynamoDBException

from chatkeep import ids, sessions
from chatkeep.agent import runtime
from chatkeep.clock import now, stamp
from chatkeep.deadline import Deadline
from chatkeep.dynamodb.transaction import Transaction
from chatkeep.errors import (
    ChatkeepError,
    GraphFailedError,
    IdempotencyKeyReusedError,
    LeaseLostError,
    TurnRolledBackError,
    TurnTimedOutError,
)
from chatkeep.idempotency import Claim
from chatkeep.models.session import Session
from chatkeep.models.turn import Turn, TurnStatus
from chatkeep.turns import attempt, engine, lease, repetition, supervision
from chatkeep.turns.admission import Strategy
from chatkeep.turns.answers import Answer
from chatkeep.turns.lease import CancelAction
from chatkeep.usage import counters
from tests import graphs
from tests.chat import deployment, new_session
from tests.client import Client
from tests.faults.injector import interrupted
from tests.faults.stored import scan
from tests.jobs import carry_out_jobs
from tests.views import Views, views

PRICE = 7
"""Micro-dollars of each call."""
NEVER = 10**6


@dataclass
class Line:
    """One user's session, whose turns are sent under one key and fail where they are told to."""

    dynamodb: Any
    api: Client
    session_id: str
    metered: list[Turn] = field(default_factory=list)

    @property
    def user_id(self) -> str:
        return str(self.api.user_id)

    @property
    def turn_id(self) -> str:
        return ids.derived(self.session_id, "k")

    def anew(self) -> "Line":
        """Another user's."""
        user = Client(f"user-{ids.new()}")
        return Line(self.dynamodb, user, new_session(user))

    def send(
        self,
        *,
        fails: bool = False,
        is_followed: bool = False,
        content: str = "quick",
        seconds: float = 60,
        meanwhile: Callable[[], object] = lambda: None,
    ) -> Answer:
        """Send it; `meanwhile` happens before the model is asked."""
        graphs.failing[:] = [fails]
        request = engine.Request(
            self.user_id,
            self.session_id,
            content,
            Strategy.REJECT,
            Claim(self.turn_id, content),
            Deadline.within(seconds),
            is_followed=is_followed,
        )
        tools = runtime.tools()
        return engine.send(
            request,
            replace(tools, meter=self.metered.append, price=lambda _: PRICE, prepare=lambda _: meanwhile()),
        )

    def fail(self, **options: Any) -> GraphFailedError:
        with pytest.raises(GraphFailedError) as caught:
            self.send(fails=True, **options)
        return caught.value

    def cancel(self, action: CancelAction) -> None:
        with Transaction() as transaction:
            lease.cancel(transaction, sessions.header(self.user_id, self.session_id), action)

    def found(self) -> Turn:
        record = Turn.find(self.user_id, self.session_id, self.turn_id)
        assert record is not None
        return record

    def store_a_failure(self) -> None:
        """Record another attempt, unless the turn is stored; as a process would that needs no lease."""
        before = Turn.find(self.user_id, self.session_id, self.turn_id)
        if before is not None and not before.may_run_again:
            return
        call = {"kind": "message", "model_name": "scripted:echo", "input_tokens": 1, "output_tokens": 1, "cost": PRICE}
        last = Turn(self.user_id, self.session_id, self.turn_id, status=TurnStatus.FAILED, created_at=stamp(now()))
        last.fingerprint, last.attempts, last.calls = "quick", 1, [call]
        last.input_tokens = last.output_tokens = 1
        last.cost = PRICE
        with Transaction() as transaction:
            transaction.put(repetition.of_attempts(before, last), repetition.as_before(before))
            transaction.change(Session(self.user_id, self.session_id), *counters.session_additions(last))
            counters.add_to_totals(transaction, self.user_id, last)
            counters.add_to_day(transaction, self.user_id, last, now(), is_new=before is None)

    def views(self) -> Views:
        found = views(self.dynamodb, self.user_id, self.session_id)
        found.check()
        found.check_nothing_is_pending()
        return found

    def record(self) -> dict[str, Any]:
        return self.views().turns[self.turn_id]

    def left(self) -> list[Any]:
        """The items that still tell of the session, its receipt aside."""
        stored = scan(self.dynamodb)
        return [key for key in stored.telling_of({self.session_id}) if key not in stored.receipts()]


def delete_for_good(line: Line) -> None:
    assert line.api.delete(f"/sessions/{line.session_id}?permanent=true").status == 202
    carry_out_jobs()


def erase(line: Line) -> None:
    assert line.api.delete("/me", json={"confirm": line.user_id}).status == 202
    carry_out_jobs()


@pytest.fixture
def line(api: Client, dynamodb: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Line]:
    with deployment(monkeypatch, {"GRAPH": "tests.graphs:moody"}):
        yield Line(dynamodb, api, new_session(api))


def test_a_turn_that_failed_is_recorded_under_its_id_with_its_problem_and_its_usage(line: Line) -> None:
    problem = line.fail()
    found = line.views()
    assert list(found.turns) == [line.turn_id]
    record = line.found()
    assert (record.status, record.error, record.attempts) == ("failed", problem.as_problem(), 1)
    assert (record.messages, record.cost, len(record.calls)) == (0, PRICE, 1)
    assert found.session["total_cost"] == PRICE


def test_the_success_of_a_repetition_replaces_the_record_with_that_of_all_attempts(line: Line) -> None:
    first, second = line.fail(), line.fail()
    assert (first.code, second.code) == ("graph_failed", "graph_failed")
    answer = line.send()
    record = line.found()
    assert (record.status, record.error, record.attempts) == ("completed", None, 3)
    assert (record.cost, len(record.calls)) == (3 * PRICE, 3)
    assert list(line.views().turns) == [line.turn_id]
    assert (answer.turn.cost, answer.used.cost, answer.message.cost) == (3 * PRICE, PRICE, 3 * PRICE)
    assert line.send().message.message_id == answer.message.message_id


@given(fails=st.integers(0, 4), repetitions=st.integers(0, 2))
@settings(max_examples=3)
def test_counters_are_the_sum_of_the_records_after_any_attempts(line: Line, fails: int, repetitions: int) -> None:
    line = line.anew()
    for _ in range(fails):
        line.fail()
    for _ in range(1 + repetitions):
        line.send()
    assert line.record().get("attempts") == (fails + 1 if fails else None)
    assert line.views().session["total_cost"] == (fails + 1) * PRICE


def test_each_attempt_is_metered_once_with_what_it_used_itself(line: Line) -> None:
    line.fail()
    line.fail()
    answer = line.send()
    assert [one.cost for one in [*line.metered, answer.used]] == [PRICE] * 3


def test_the_key_of_a_failed_turn_is_its_requests_alone(line: Line) -> None:
    line.fail()
    before = line.record()
    with pytest.raises(IdempotencyKeyReusedError):
        line.send(content="quick and other")
    assert line.record() == before


@pytest.mark.parametrize("is_followed", [False, True])
def test_a_turn_that_failed_without_usage_is_recorded_where_somebody_may_ask_for_it(
    line: Line, monkeypatch: pytest.MonkeyPatch, is_followed: bool
) -> None:
    with deployment(monkeypatch, {"GRAPH": "tests.graphs:raising"}):
        line.fail(is_followed=is_followed)
        with interrupted(NEVER, lambda: None) as met:
            line.fail(is_followed=is_followed)
    record = line.views().turns.get(line.turn_id)
    assert (record and record["attempts"]) == (2 if is_followed else None)
    assert line.metered == []
    if not is_followed:  # look, lease, slot, the thread, and the end of lease and slot, as before
        assert met.count == 6


def test_a_turn_out_of_time_before_it_asked_is_recorded_as_such(line: Line) -> None:
    with pytest.raises(TurnTimedOutError):
        line.send(is_followed=True, seconds=4.9)
    assert (line.record()["status"], line.record()["attempts"]) == ("timed_out", 1)
    assert line.send().turn.status == "completed"


def test_two_repetitions_at_once_run_the_turn_again_once(line: Line) -> None:
    line.fail()
    with ThreadPoolExecutor(2) as pool:
        first, second = (pool.submit(line.send) for _ in range(2))
    assert first.result().message.message_id == second.result().message.message_id
    assert (line.record()["attempts"], line.record()["cost"]) == (2, 2 * PRICE)


@pytest.mark.thorough
def test_a_failure_that_is_stored_between_any_two_requests_of_a_repetition_is_added_to(line: Line) -> None:
    seen: list[int] = []
    for at in count():
        line = line.anew()
        line.fail()
        with interrupted(at, line.store_a_failure) as met:
            answer = line.send()
        if not met.hit:
            break
        assert (line.record()["attempts"], line.record()["cost"]) == (answer.turn.attempts, answer.turn.cost)
        seen.append(int(answer.turn.attempts))
        assert answer.turn.cost == answer.turn.attempts * PRICE == answer.message.cost
    assert seen == [3] * len(seen)
    assert len(seen) > 4


def test_a_late_attempt_adds_nothing_to_the_record_of_the_one_that_took_its_lease(
    line: Line, monkeypatch: pytest.MonkeyPatch, pass_time: Callable[[timedelta], None]
) -> None:
    monkeypatch.setattr(supervision, "FIRST_LOOK_SECONDS", 60)

    def overtake() -> None:
        pass_time(timedelta(hours=1))
        line.fail()

    with pytest.raises(LeaseLostError):
        line.send(meanwhile=overtake)
    found = line.views()
    assert found.turns[line.turn_id]["attempts"] == 1
    assert sorted(one["cost"] for one in found.turns.values()) == [PRICE, PRICE]


def test_a_roll_back_that_could_not_be_stored_is_recorded_as_one(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise PynamoDBException("no answer")

    monkeypatch.setattr(attempt, "commit", refuse)
    monkeypatch.setattr(supervision, "FIRST_LOOK_SECONDS", 0.02)
    monkeypatch.setattr(graphs, "meanwhile", [lambda: line.cancel(CancelAction.ROLL_BACK)])
    with pytest.raises(PynamoDBException):
        line.send(content="think")
    assert line.record()["status"] == "rolled_back"
    with pytest.raises(TurnRolledBackError):
        line.send(content="think")


@pytest.mark.thorough
@pytest.mark.parametrize("before", [0, 1])
@pytest.mark.parametrize("end", [delete_for_good, erase])
def test_a_failure_leaves_nothing_of_a_session_that_goes_before_any_of_its_requests(
    line: Line, pass_time: Callable[[timedelta], None], end: Callable[[Line], None], before: int
) -> None:
    for at in count():
        line = line.anew()
        for _ in range(before):
            line.fail()
        graphs.failing[:] = [True]
        with interrupted(at, lambda line=line: end(line)) as met, pytest.raises(ChatkeepError):
            line.send(fails=True, is_followed=True)
        if not met.hit:
            break
        carry_out_jobs()
        pass_time(timedelta(minutes=1))  # the lease may still have been live, and a writer with it
        carry_out_jobs()
        assert line.left() == [], at
    assert at > 4
