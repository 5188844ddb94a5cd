"""A lease and a turn from stale copies: somebody has read the session, and then another one has it."""

import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from pynamodb.exceptions import PynamoDBException

from chatkeep import clock, ids, messages, sessions
from chatkeep.agent import runtime
from chatkeep.clock import milliseconds, now, stamp
from chatkeep.deadline import Deadline
from chatkeep.dynamodb.internals import put_of
from chatkeep.dynamodb.transaction import Transaction
from chatkeep.errors import (
    IdempotencyKeyReusedError,
    LeaseLostError,
    NoTurnRunningError,
    SessionArchivedError,
    SessionDeletedError,
    SessionNotFoundError,
    StorageUnavailableError,
    TurnInProgressError,
)
from chatkeep.idempotency import Claim
from chatkeep.jobs.due import now_due
from chatkeep.models.day import Day
from chatkeep.models.message import Message, Role
from chatkeep.models.session import Session
from chatkeep.models.turn import Turn, TurnStatus
from chatkeep.sessions import changing
from chatkeep.turns import admission, attempt, engine, lease, overflow, queue, repair
from chatkeep.turns.admission import Strategy
from chatkeep.turns.billing import bill
from chatkeep.turns.commit import NoCheckpoint, RollBackRequestedError, TurnRecordedError, commit
from chatkeep.turns.engine import Request
from chatkeep.turns.lease import CancelAction, Sender, TakenError
from chatkeep.turns.queue import Ticket
from functions.sessions import cancelling
from tests import graphs
from tests.chat import deployment, new_session
from tests.client import Client
from tests.session_changes import CHANGES, check, delete
from tests.views import views
from tests.wire import requests

MINUTE = timedelta(minutes=1)
MOMENT = timedelta(milliseconds=1)


@pytest.fixture
def session_id(api: Client) -> str:
    return new_session(api)


@pytest.fixture
def key(user_id: str, session_id: str) -> tuple[str, str]:
    return user_id, session_id


def sender(key: tuple[str, str], turn_id: str = "turn", seconds: float = 60) -> Sender:
    """One whose function lives for so many seconds."""
    return Sender(*key, turn_id, Deadline.within(seconds).lease_expiry())


def take(key: tuple[str, str], turn_id: str = "turn", seconds: float = 60) -> Session:
    return queue.take(sender(key, turn_id, seconds), None)


def outlived(key: tuple[str, str], turn_id: str = "turn") -> Session:
    """A lease that is over; who has taken it does not know."""
    return take(key, turn_id, -60)


def turn(key: tuple[str, str], turn_id: str = "turn") -> Turn:
    made = Turn(*key, turn_id, status=TurnStatus.COMPLETED, created_at=stamp(now()), calls=[])
    made.input_tokens = 5
    return made


def answer(key: tuple[str, str]) -> list[Message]:
    made = Message(*key, ids.new(), turn_id="turn", role=Role.ASSISTANT, content="said")
    made.created_at = stamp(now())
    return [made]


def tokens(key: tuple[str, str]) -> float:
    return float(sessions.header(*key).total_tokens)


@pytest.mark.parametrize("again", ["turn", "another"], ids=["its repetition", "another turn"])
def test_who_has_lost_the_lease_can_do_nothing_with_it(key: tuple[str, str], again: str) -> None:
    lost = outlived(key)
    holds = take(key, again)
    with pytest.raises(LeaseLostError):
        commit(lost, turn(key), answer(key), NoCheckpoint())
    with pytest.raises(LeaseLostError):
        overflow.store(lost, [put(key, number) for number in range(120)], [])
    with pytest.raises(LeaseLostError):
        lease.still_held(lost)
    assert not lease.release(lost)
    assert not list(Message.query(answer(key)[0].pk, Message.sk.startswith("MESSAGE#")))
    commit(holds, turn(key, again), answer(key), NoCheckpoint())
    assert tokens(key) == 5


def put(key: tuple[str, str], number: int) -> dict[str, Any]:
    return put_of(answer(key)[0])


@pytest.mark.usefixtures("empty_tables")
def test_who_was_swept_can_do_nothing_though_nobody_has_taken_over(key: tuple[str, str]) -> None:
    lost = outlived(key)
    assert repair.end_leases(now_due()) == 1
    with pytest.raises(LeaseLostError):
        commit(lost, turn(key), answer(key), NoCheckpoint())
    assert not lease.release(lost)


@pytest.mark.usefixtures("empty_tables")
def test_a_sweep_from_a_copy_leaves_whoever_has_taken_over(key: tuple[str, str], monkeypatch: Any) -> None:
    outlived(key)
    copy = sessions.header(*key)
    holds = take(key)
    monkeypatch.setattr(sessions, "header", lambda *_: copy)
    assert repair.end_leases(now_due()) == 0
    monkeypatch.undo()
    assert lease.release(holds)


@pytest.mark.usefixtures("empty_tables")
def test_a_sweep_whose_index_is_behind_leaves_whoever_has_taken_over(key: tuple[str, str]) -> None:
    found = outlived(key)
    holds = take(key)
    assert repair.end_leases([(found.pk, found.sk)]) == 0
    assert lease.release(holds)
    assert repair.end_leases([(found.pk, found.sk)]) == 0


def test_a_message_by_a_clock_that_is_behind_is_not_the_last_one_in_time(key: tuple[str, str]) -> None:
    for at in (now(), now() - MINUTE):
        session = take(key, stamp(at))
        (message,) = answer(key)
        message.created_at = stamp(at)
        commit(session, turn(key, stamp(at)), [message], NoCheckpoint())
    assert sessions.header(*key).last_message_at > stamp(now() - MINUTE / 2)


@pytest.mark.usefixtures("empty_tables")
def test_a_lease_outlasts_its_deadline_by_two_seconds_and_not_by_a_moment_more(
    key: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    earliest = now()
    holds = take(key, seconds=0)
    end = datetime.fromtimestamp(int(holds.lease_expires_at) / 1000, earliest.tzinfo)
    assert earliest - MOMENT <= end - timedelta(seconds=2) <= now()
    monkeypatch.setattr(clock, "read", lambda: end - MOMENT)
    assert lease.running_turn(sessions.header(*key)) == "turn"
    with pytest.raises(TakenError):
        take(key, "another")
    assert repair.end_leases(now_due()) == 0
    monkeypatch.setattr(clock, "read", lambda: end)
    assert lease.running_turn(holds) is None
    assert list(now_due()) == [Session.KEY.of(*key)]
    assert take(key, "another").lease_turn_id == "another"


@pytest.mark.parametrize(
    ("change", "refused"),
    [({"is_archived": True}, SessionArchivedError), (None, SessionDeletedError), ("purge", SessionNotFoundError)],
)
def test_a_session_that_takes_no_turns_gives_no_lease(key: tuple[str, str], change: Any, refused: Any) -> None:
    header = sessions.header(*key)
    if change == "purge":
        header.delete()
    elif change is None:
        delete(*key)
    else:
        changing.change(*key, change)
    with pytest.raises(refused):
        take(key)
    if change == "purge":
        with pytest.raises(SessionNotFoundError):
            sessions.header(*key)
    else:
        assert sessions.header(*key).lease_turn_id is None


def test_a_turn_is_recorded_once_however_often_its_lease_was_taken(key: tuple[str, str]) -> None:
    commit(take(key), turn(key), answer(key), NoCheckpoint())
    again = take(key)
    with pytest.raises(TurnRecordedError):
        commit(again, turn(key), answer(key), NoCheckpoint())
    assert tokens(key) == 5
    assert lease.release(again)


def test_a_bill_is_written_once(key: tuple[str, str], dynamodb: Any) -> None:
    session = take(key)
    bill(session, turn(key, "bill"))
    with pytest.raises(Exception, match="transaction"):
        bill(session, turn(key, "bill"))
    assert tokens(key) == 5
    lease.release(session)
    views(dynamodb, *key).check()


def test_a_roll_back_that_is_asked_for_after_the_last_look_is_obeyed(key: tuple[str, str]) -> None:
    session = take(key)
    with Transaction() as transaction:
        lease.cancel(transaction, sessions.header(*key), CancelAction.ROLL_BACK)
    with pytest.raises(RollBackRequestedError):
        commit(session, turn(key), answer(key), NoCheckpoint())
    assert tokens(key) == 0


def test_a_cancel_from_a_copy_does_not_stop_the_next_turn(key: tuple[str, str]) -> None:
    first = take(key, "first")
    copy = sessions.header(*key)
    lease.release(first)
    take(key, "second")
    with pytest.raises(NoTurnRunningError), Transaction() as transaction:
        lease.cancel(transaction, copy, CancelAction.ROLL_BACK)
    assert sessions.header(*key).cancel_turn_id is None


def test_a_cancel_of_a_turn_that_died_does_not_reach_the_next_one(key: tuple[str, str]) -> None:
    outlived(key, "first")
    session = sessions.header(*key)
    session.update([Session.cancel_turn_id.set("first"), Session.cancel_action.set(CancelAction.ROLL_BACK)])
    second = take(key, "second")
    assert lease.requested_cancel(second) is None
    commit(second, turn(key, "second"), answer(key), NoCheckpoint())
    assert tokens(key) == 5


def test_a_cancel_of_a_turn_that_died_does_not_reach_its_repetition(key: tuple[str, str]) -> None:
    outlived(key)
    session = sessions.header(*key)
    session.update([Session.cancel_turn_id.set("turn"), Session.cancel_action.set(CancelAction.KEEP)])
    assert lease.requested_cancel(session) is CancelAction.KEEP
    assert lease.requested_cancel(take(key)) is None


def test_a_cancel_is_for_the_turn_that_it_names(key: tuple[str, str]) -> None:
    session = take(key)
    session.update([Session.cancel_turn_id.set("another"), Session.cancel_action.set(CancelAction.KEEP)])
    assert lease.requested_cancel(session) is None


def test_a_repeated_cancel_does_not_stop_the_turn_after_the_one_it_stopped(key: tuple[str, str]) -> None:
    claim = Claim(ids.new(), "print")
    first = take(key, "first")
    assert cancelling.cancel(*key, claim).turn_id == "first"
    lease.release(first)
    take(key, "second")
    assert cancelling.cancel(*key, claim).turn_id == "first"
    assert sessions.header(*key).cancel_turn_id is None


def test_a_cancel_whose_repetition_was_first_answers_as_that_one_did(
    key: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    claim = Claim(ids.new(), "print")
    first = take(key, "first")
    cancelling.cancel(*key, claim)
    lease.release(first)
    take(key, "second")
    recall = cancelling.recall
    answers = [lambda *_: None, recall, recall]
    monkeypatch.setattr(cancelling, "recall", lambda *asked: answers.pop(0)(*asked))
    assert cancelling.cancel(*key, claim).turn_id == "first"
    assert sessions.header(*key).cancel_turn_id is None


@pytest.mark.parametrize(
    "behind", [timedelta(), timedelta(hours=1)], ids=["at one moment", "by a clock that is behind"]
)
@pytest.mark.parametrize("change", ["pin", "archive", "rename", "report"])
def test_a_turn_is_stored_with_what_became_of_its_session_meanwhile(
    key: tuple[str, str], monkeypatch: pytest.MonkeyPatch, change: str, behind: timedelta
) -> None:
    session = take(key)
    CHANGES[change](*key)
    before = check(*key)
    moment = now() - behind
    monkeypatch.setattr(clock, "read", lambda: moment)
    commit(session, turn(key), answer(key), NoCheckpoint())
    after = check(*key)
    assert after.updated_at >= before.updated_at
    assert (after.is_pinned, after.status, after.title) == (before.is_pinned, before.status, before.title)
    assert after.total_tokens == before.total_tokens + 5


def test_a_turn_of_a_session_that_is_deleted_meanwhile_is_refused_as_such(key: tuple[str, str]) -> None:
    session = take(key)
    delete(*key)
    with pytest.raises(SessionDeletedError):
        commit(session, turn(key), answer(key), NoCheckpoint())


def test_what_is_rolled_back_is_recorded_though_its_session_has_moved(key: tuple[str, str]) -> None:
    session = take(key)
    CHANGES["pin"](*key)
    with Transaction() as transaction:
        lease.cancel(transaction, sessions.header(*key), CancelAction.ROLL_BACK)
    record = turn(key)
    record.status = TurnStatus.ROLLED_BACK
    commit(session, record, [], NoCheckpoint())
    assert check(*key).total_tokens == 5


def test_a_bill_does_not_bring_back_a_session_that_is_purged(key: tuple[str, str]) -> None:
    session = take(key)
    sessions.header(*key).delete()
    bill(session, turn(key, "bill"))
    with pytest.raises(SessionNotFoundError):
        sessions.header(*key)
    (day,) = Day.query(session.pk, Day.sk.startswith("DAY#"))
    assert (day.turns, day.input_tokens) == (1, 5)


def test_a_lease_whose_first_answer_was_lost_is_its_takers(key: tuple[str, str], monkeypatch: Any) -> None:
    update = lease.update_if
    monkeypatch.setattr(lease, "update_if", lambda *asked: update(*asked) and False)
    assert take(key).lease_turn_id == "turn"


@pytest.mark.parametrize(
    "failure",
    [PynamoDBException("down"), StorageUnavailableError("left unprocessed")],
    ids=["no answer", "unprocessed"],
)
def test_a_lease_of_who_cannot_read_the_settings_is_given_up(
    key: tuple[str, str], monkeypatch: pytest.MonkeyPatch, failure: Exception
) -> None:
    def fail(*_: object) -> None:
        raise failure

    with monkeypatch.context() as outage:
        outage.setattr(sessions, "load_details", fail)
        with pytest.raises(type(failure)):
            take(key)
    assert sessions.header(*key).lease_turn_id is None


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """One for each time that the graph has asked its model."""
    made: list[str] = []
    graphs.meanwhile[:] = [lambda: made.append("run")]
    with deployment(monkeypatch, {"GRAPH": "tests.graphs:gated"}):
        yield made


@pytest.fixture
def request_(key: tuple[str, str]) -> Request:
    return Request(*key, "hello", Strategy.REJECT, Claim(ids.new(), "print"), Deadline.within(60))


def test_a_repetition_does_not_ask_the_model_again(request_: Request, runs: list[str]) -> None:
    first = engine.send(request_, runtime.tools())
    assert engine.send(request_, runtime.tools()).message.message_id == first.message.message_id
    assert (runs, sessions.header(request_.user_id, request_.session_id).lease_fence) == (["run"], 1)
    with pytest.raises(IdempotencyKeyReusedError):
        engine.send(replace(request_, claim=other_body(request_)), runtime.tools())


def other_body(request: Request) -> Claim:
    """The same key with another body."""
    assert request.claim
    return Claim(request.claim.id, "another")


def test_a_turn_whose_answer_from_the_storage_was_lost_is_answered(
    request_: Request, runs: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def lose(*asked: Any) -> None:
        commit(*asked)
        raise PynamoDBException("no answer")

    monkeypatch.setattr(attempt, "commit", lose)
    assert engine.send(request_, runtime.tools()).message.content == "echo: hello"
    assert runs == ["run"]


@pytest.mark.parametrize("when", ["before the first", "while the first runs"])
def test_a_repetition_that_looked_before_the_first_was_stored_does_not_ask_the_model_again(
    request_: Request, runs: list[str], monkeypatch: pytest.MonkeyPatch, when: str
) -> None:
    assert request_.claim
    look, seen = engine._look_up, []
    if when == "before the first":
        seen.append(look(request_, request_.claim))
    else:
        graphs.meanwhile[:] = [lambda: (runs.append("run"), seen.append(look(request_, request_.claim)))]  # type: ignore[arg-type]
    first = engine.send(request_, runtime.tools())
    monkeypatch.setattr(engine, "_look_up", lambda *asked: seen.pop() if seen else look(*asked))
    again = engine.send(request_, runtime.tools())
    assert again.message.message_id == first.message.message_id
    assert (runs, seen) == (["run"], [])


def test_a_key_is_refused_with_another_body_though_the_first_was_not_stored_when_it_looked(
    request_: Request, runs: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    other = replace(request_, claim=other_body(request_))
    seen = engine._look_up(other, other_body(request_))
    engine.send(request_, runtime.tools())
    monkeypatch.setattr(engine, "_look_up", lambda *_: seen)
    with pytest.raises(IdempotencyKeyReusedError):
        engine.send(other, runtime.tools())
    assert runs == ["run"]


def test_a_turn_that_nobody_claimed_before_is_not_looked_up_twice(request_: Request, runs: list[str]) -> None:
    """One reading of the session and the claim, and none of the record alone."""
    reads: list[str] = []
    events = Session._get_connection().connection.client.meta.events
    events.register("before-call.dynamodb.GetItem", lambda **_: reads.append("GetItem"))
    engine.send(request_, runtime.tools())
    assert reads == []


def test_what_a_turn_that_died_has_left_ahead_is_gone_before_the_next_one(
    key: tuple[str, str], request_: Request, runs: list[str], dynamodb: Any
) -> None:
    engine.send(replace(request_, claim=None), runtime.tools())
    lost = outlived(key)
    overflow.store(lost, [put(key, number) for number in range(120)], [])
    engine.send(request_, runtime.tools())
    found = views(dynamodb, *key)
    found.check()
    assert len(found.transcript) == 4
    assert not sessions.header(*key).written_ahead


def test_a_large_message_keeps_its_parts_when_what_came_after_it_is_cleared(key: tuple[str, str]) -> None:
    (large,) = answer(key)
    large.content = "".join(map(str, range(100_000)))
    commit(take(key), turn(key), [large], NoCheckpoint())
    overflow.store(outlived(key, "dead"), [put(key, number) for number in range(120)], [])
    overflow.clear(take(key, "next"))
    assert [one.message_id for one in Message.query(large.pk, Message.sk.startswith("MESSAGE#"))] == [large.message_id]
    assert messages.get(*key, large.message_id).content == large.content


def waiting(key: tuple[str, str], turn_id: str, seconds: int = 60, *, interrupts: bool = False) -> Ticket:
    """A sender that stands in a queue."""
    ticket = Ticket(turn_id, milliseconds(now() + timedelta(seconds=seconds)), interrupts)
    place = ticket.queue()
    Session(*key).update([place.set((place | []).append([str(ticket)]))])
    return ticket


@pytest.mark.parametrize("interrupts", [True, False])
def test_who_has_not_waited_passes_nobody(key: tuple[str, str], interrupts: bool) -> None:
    waiting(key, "0", interrupts=interrupts)
    with pytest.raises(TakenError):
        take(key)


def test_nobody_passes_those_who_wait(key: tuple[str, str]) -> None:
    interrupts, first, second = waiting(key, "0", interrupts=True), waiting(key, "1"), waiting(key, "2")
    for ticket in (None, first, second):
        with pytest.raises(TakenError):
            queue.take(sender(key), ticket)
    for ticket in (interrupts, first, second):
        lease.release(queue.take(sender(key, ticket.turn_id), ticket))
    left = sessions.header(*key)
    assert (left.waiting, left.interrupting) == ([], [])
    assert take(key).lease_turn_id == "turn"


@pytest.mark.parametrize("interrupts", [True, False])
def test_the_dead_are_removed_from_a_copy_and_nobody_else(key: tuple[str, str], interrupts: bool) -> None:
    waiting(key, "dead", -1, interrupts=interrupts)
    alive = waiting(key, "alive", interrupts=interrupts)
    copies = [sessions.header(*key) for _ in range(2)]
    for copy in copies:
        assert queue.tickets(queue.without_dead(copy)) == [alive]
    assert queue.tickets(sessions.header(*key)) == [alive]


def test_a_ticket_is_dead_at_the_moment_it_expires(key: tuple[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    ticket = waiting(key, "late")
    end = datetime.fromtimestamp(ticket.expires_at / 1000, now().tzinfo)
    monkeypatch.setattr(clock, "read", lambda: end - MOMENT)
    assert queue.tickets(queue.without_dead(sessions.header(*key))) == [ticket]
    assert queue.pending(sessions.header(*key), "late")
    monkeypatch.setattr(clock, "read", lambda: end)
    assert not queue.pending(sessions.header(*key), "late")
    assert queue.tickets(queue.without_dead(sessions.header(*key))) == []


def test_who_leaves_takes_nobody_elses_place(key: tuple[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = waiting(key, "1"), waiting(key, "2")
    copy, read = sessions.header(*key), sessions.header
    queue.leave(sender(key), first)
    copies = [copy]
    monkeypatch.setattr(sessions, "header", lambda *asked: copies.pop() if copies else read(*asked))
    queue.leave(sender(key), first)
    assert queue.tickets(read(*key)) == [second]


def test_who_joins_twice_stands_once(key: tuple[str, str]) -> None:
    ticket = Ticket("turn", milliseconds(now() + MINUTE), interrupts=False)
    for _ in range(2):
        queue.join(sender(key), ticket, TurnInProgressError("other"))
    assert queue.tickets(sessions.header(*key)) == [ticket]
    sessions.header(*key).delete()
    with pytest.raises(SessionNotFoundError):
        queue.join(sender(key), ticket, TurnInProgressError("other"))
    with pytest.raises(SessionNotFoundError):
        sessions.header(*key)


def test_a_full_queue_takes_nobody_more(key: tuple[str, str]) -> None:
    for number in range(queue.LONGEST_QUEUE):
        waiting(key, str(number))
    with pytest.raises(TurnInProgressError):
        queue.join(
            sender(key), Ticket("turn", milliseconds(now() + MINUTE), interrupts=False), TurnInProgressError("0")
        )
    assert len(queue.tickets(sessions.header(*key))) == queue.LONGEST_QUEUE


def test_who_has_no_time_left_to_wait_leaves_the_queue(key: tuple[str, str]) -> None:
    take(key)
    with pytest.raises(TurnInProgressError) as refusal:
        admission.acquire(sender(key, "late"), Strategy.ENQUEUE, time.monotonic(), 5)
    assert refusal.value.turn_id == "turn"
    assert not sessions.header(*key).waiting


def test_who_would_remove_a_turn_overrules_who_would_keep_it_and_not_the_reverse(key: tuple[str, str]) -> None:
    take(key)
    seen = []
    for action in (CancelAction.KEEP, CancelAction.KEEP, CancelAction.ROLL_BACK, CancelAction.KEEP):
        with requests() as made:
            admission._cancel(sessions.header(*key), action)
        seen.append((lease.requested_cancel(sessions.header(*key)), "TransactWriteItems" in dict(made)))
    keep, roll_back = CancelAction.KEEP, CancelAction.ROLL_BACK
    assert seen == [(keep, True), (keep, False), (roll_back, True), (roll_back, False)]
