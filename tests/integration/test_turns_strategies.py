"""Several senders on one session: who runs, who waits, who is cancelled, and that the views agree afterwards."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import pytest

from chatkeep import ids, sessions
from chatkeep.agent import runtime
from chatkeep.checkpointer import DynamoDBSaver
from chatkeep.clock import milliseconds, now
from chatkeep.deadline import Deadline
from chatkeep.dynamodb.transaction import Transaction
from chatkeep.errors import (
    ConcurrentWriteError,
    IdempotencyKeyReusedError,
    LeaseLostError,
    SessionArchivedError,
    SessionDeletedError,
    SessionNotFoundError,
    TurnInProgressError,
    TurnRolledBackError,
)
from chatkeep.jobs.due import now_due
from chatkeep.models.session import Session
from chatkeep.models.turn import Turn
from chatkeep.turns import engine, lease, queue, repair, supervision
from chatkeep.turns.admission import Strategy
from chatkeep.turns.answers import Answer
from chatkeep.turns.lease import CancelAction
from chatkeep.turns.queue import Ticket
from functions.sessions import cancelling
from tests import graphs
from tests.chat import deployment, new_session
from tests.checkpoint_threads import TABLE
from tests.client import Client
from tests.senders import Senders, gated
from tests.session_changes import delete
from tests.views import Views, views

MINUTE = timedelta(minutes=1)


@dataclass(kw_only=True)
class Room(Senders):
    """A session that several senders use at once."""

    dynamodb: Any
    session_id: str

    def send(self, content: str, strategy: Strategy = Strategy.REJECT, key: str | None = None) -> Future[Answer]:
        return self.send_to(self.session_id, content, strategy, key)

    def running(self, content: str = "first", **options: Any) -> Future[Answer]:
        """A turn that has reached its model."""
        return self.reach_the_model(self.send(content, **options))

    def waiting(self, content: str, strategy: Strategy, key: str | None = None) -> Future[Answer]:
        """A sender that has joined a queue."""
        before = self._queued()
        sent = self.send(content, strategy, key)
        while self._queued() == before and not sent.done():
            pass
        return sent

    def _queued(self) -> int:
        header = self.header()
        return len(header.waiting or []) + len(header.interrupting or [])

    def header(self) -> Session:
        return sessions.header(self.user_id, self.session_id)

    def ask(self, action: CancelAction) -> None:
        with Transaction() as transaction:
            lease.cancel(transaction, self.header(), action)

    def cancel(self) -> None:
        cancelling.cancel(self.user_id, self.session_id, None)

    def purge(self) -> None:
        key = {"pk": {"S": f"USER#{self.user_id}"}, "sk": {"S": f"SESSION#{self.session_id}"}}
        self.dynamodb.delete_item(TableName="chatkeep-SessionsTable", Key=key)

    def spent(self) -> dict[str, Any]:
        """The tokens that the user's items count, by their kind."""
        found = self.dynamodb.query(
            TableName="chatkeep-SessionsTable",
            KeyConditionExpression="pk = :pk",
            ExpressionAttributeValues={":pk": {"S": f"USER#{self.user_id}"}},
        )["Items"]
        return {item["sk"]["S"].split("#")[0]: item.get("output_tokens", item.get("total_tokens")) for item in found}

    def settled(self) -> Views:
        found = views(self.dynamodb, self.user_id, self.session_id)
        found.check()
        found.check_nothing_is_pending()
        return found

    def said(self) -> list[tuple[str, str]]:
        return [(one["content"], one["status"]) for one in self.settled().transcript]


@pytest.fixture
def room(api: Client, dynamodb: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Room]:
    with gated(monkeypatch, turns_per_user=32) as pool:
        made = Room(api, pool, dynamodb=dynamodb, session_id=new_session(api))
        yield made
        made.gate.set()


def test_a_second_sender_is_refused_with_the_running_turn(room: Room) -> None:
    first = room.running(key="k")
    refusal = room.send("second").exception()
    assert isinstance(refusal, TurnInProgressError)
    assert refusal.turn_id == room.header().lease_turn_id
    assert refusal.retry_after_seconds is not None
    room.gate.set()
    assert refusal.turn_id == first.result().turn.turn_id
    assert room.said() == [("first", "completed"), ("echo: first", "completed")]


def test_waiting_senders_are_served_in_order_of_arrival(room: Room) -> None:
    room.running()
    waiting = [room.waiting(f"quick {number}", Strategy.ENQUEUE) for number in range(4)]
    room.gate.set()
    assert [one.result().user_message.content for one in waiting] == [f"quick {number}" for number in range(4)]
    questions = [content for content, _ in room.said()][::2]
    assert questions == ["first", "quick 0", "quick 1", "quick 2", "quick 3"]


def test_an_interrupted_turn_is_kept_marked_and_billed_and_the_next_one_runs(room: Room) -> None:
    first = room.running()
    second = room.send("quick second", Strategy.INTERRUPT)
    assert second.result().message.content == "echo: quick second"
    assert first.result().turn.status == "cancelled"
    assert room.said() == [
        ("first", "completed"),
        ("", "cancelled"),
        ("quick second", "completed"),
        ("echo: quick second", "completed"),
    ]


def test_a_rolled_back_turn_leaves_only_its_record_also_for_its_repetition(room: Room) -> None:
    first = room.running(key="k")
    assert room.send("quick second", Strategy.ROLLBACK).result().message.content == "echo: quick second"
    assert isinstance(first.exception(), TurnRolledBackError)
    assert isinstance(room.send("first", key="k").exception(), TurnRolledBackError)
    found = room.settled()
    assert [one["content"] for one in found.transcript] == ["quick second", "echo: quick second"]
    assert sorted(turn["status"] for turn in found.turns.values()) == ["completed", "rolled_back"]


def test_interrupting_senders_overtake_those_who_wait_and_follow_one_another(room: Room) -> None:
    room.running()
    waits = room.waiting("quick last", Strategy.ENQUEUE)
    with Transaction() as transaction:  # so that the running turn is not cancelled before all have come
        transaction.change(room.header(), Session.cancel_turn_id.set("nobody"))
    one = room.waiting("quick one", Strategy.INTERRUPT)
    two = room.waiting("quick two", Strategy.INTERRUPT)
    for sent in (one, two, waits):
        sent.result()
    questions = [content for content, _ in room.said()][::2]
    assert questions == ["first", "quick one", "quick two", "quick last"]


def test_a_repetition_waits_for_the_running_turn_and_gets_its_answer(room: Room) -> None:
    first = room.running(key="k")
    again = [room.send("first", strategy, key="k") for strategy in Strategy]
    room.gate.set()
    assert {sent.result().message.message_id for sent in again} == {first.result().message.message_id}
    assert room.said() == [("first", "completed"), ("echo: first", "completed")]


def test_a_repetition_of_a_waiting_request_is_one_turn_and_cancels_nobody(room: Room) -> None:
    room.running()
    one = room.waiting("second", Strategy.INTERRUPT, key="k")
    two = room.waiting("second", Strategy.INTERRUPT, key="k")
    assert room.started.acquire(timeout=20)  # the second turn, whose twin waits
    for _ in range(20):
        assert room.header().cancel_turn_id is None
    room.gate.set()
    assert one.result().message.message_id == two.result().message.message_id
    assert [status for _, status in room.said()] == ["completed", "cancelled", "completed", "completed"]


def test_a_repetition_with_another_body_is_refused_and_leaves_no_lease(room: Room) -> None:
    first = room.running(key="k")
    other = room.send("other", key="k")
    room.gate.set()
    first.result()
    assert isinstance(other.exception(), IdempotencyKeyReusedError)
    room.settled()


def test_the_ticket_of_a_sender_that_died_holds_nobody_up(room: Room) -> None:
    dead = [str(Ticket(ids.new(), milliseconds(now() - MINUTE), interrupts=False)) for _ in range(3)]
    header = room.header()
    header.update([Session.waiting.set(dead), Session.interrupting.set(dead[:1])])
    assert room.send("quick").result().turn.status == "completed"
    room.settled()


def test_a_full_queue_refuses(room: Room) -> None:
    room.running()
    alive = [str(Ticket(ids.new(), milliseconds(now() + MINUTE), interrupts=False)) for _ in range(queue.LONGEST_QUEUE)]
    room.header().update([Session.waiting.set(alive)])
    assert isinstance(room.send("quick", Strategy.ENQUEUE).exception(), TurnInProgressError)


def test_a_cancelled_turn_answers_with_what_it_had(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    graphs.meanwhile[:] = [room.cancel]
    with deployment(monkeypatch, {"GRAPH": "tests.graphs:patient"}):
        cancelled = room.send("think").result()
        assert (cancelled.message.content, cancelled.turn.status) == ("Let me", "cancelled")
        assert cancelled.turn.output_tokens > 0
        assert room.send("quick next").result().turn.status == "completed"
    assert [content for content, _ in room.said()] == ["think", "Let me", "quick next", "echo: quick next"]


def test_a_cancel_that_comes_as_the_turn_ends_changes_nothing(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervision, "FIRST_LOOK_SECONDS", 60)
    first = room.running()
    room.ask(CancelAction.KEEP)
    room.gate.set()
    assert first.result().turn.status == "completed"
    room.settled()


def test_a_rollback_that_comes_as_the_turn_ends_still_removes_it(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervision, "FIRST_LOOK_SECONDS", 60)
    first = room.running()
    room.ask(CancelAction.ROLL_BACK)
    room.gate.set()
    assert isinstance(first.exception(), TurnRolledBackError)
    assert room.settled().memory == []


def test_a_turn_whose_session_is_deleted_meanwhile_stores_nothing_but_what_it_used(room: Room) -> None:
    first = room.running()
    room.api.delete(f"/sessions/{room.session_id}")
    room.gate.set()
    assert isinstance(first.exception(), SessionDeletedError)
    found = room.settled()
    assert (found.transcript, found.memory) == ([], [])
    assert [(turn["status"], turn["output_tokens"]) for turn in found.turns.values()] == [("failed", 2)]


def test_a_turn_whose_session_is_purged_before_it_ends_is_billed_to_the_day_alone(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervision, "FIRST_LOOK_SECONDS", 60)  # else it may end before it has used anything
    first = room.running()
    room.purge()
    room.gate.set()
    assert isinstance(first.exception(), SessionNotFoundError)
    assert room.spent() == {"DAY": {"N": "2"}, "TOTALS": None}


def test_a_turn_that_sees_its_session_purged_is_billed_to_the_day_alone(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    graphs.meanwhile[:] = [room.purge]
    with deployment(monkeypatch, {"GRAPH": "tests.graphs:patient"}):
        assert isinstance(room.send("think").exception(timeout=20), SessionNotFoundError)
    assert room.spent() == {"DAY": {"N": "2"}, "TOTALS": None}


def continue_elsewhere(room: Room, **options: Any) -> None:
    """An agent that runs elsewhere adds to the thread."""
    saver = DynamoDBSaver(TABLE, room.dynamodb, **options)
    config: Any = {"configurable": {"thread_id": room.session_id}}
    graphs.careless(None, "", saver).update_state(config, {"messages": [("user", "elsewhere")]}, as_node="node")  # type: ignore[arg-type]


def test_a_turn_is_refused_and_billed_where_the_thread_was_continued_elsewhere_meanwhile(room: Room) -> None:
    room.send("quick one").result()
    second = room.running("two")
    continue_elsewhere(room, require_head_parent=True)
    room.gate.set()
    assert isinstance(second.exception(), ConcurrentWriteError)
    found = views(room.dynamodb, room.user_id, room.session_id)
    assert [one["content"] for one in found.transcript] == ["quick one", "echo: quick one"]
    assert sorted(turn["status"] for turn in found.turns.values()) == ["completed", "failed"]
    room.send("quick three").result()
    found = views(room.dynamodb, room.user_id, room.session_id)
    assert [content for _, content in found.memory][2:] == ["elsewhere", "quick three", "echo: quick three"]


def test_a_thread_that_was_continued_elsewhere_between_two_turns_goes_on(room: Room) -> None:
    for options in ({"require_head_parent": True}, {}):
        room.send("quick").result()
        continue_elsewhere(room, **options)
    answer = room.send("quick last").result()
    assert answer.turn.status == "completed"


def test_a_session_archived_and_pinned_while_a_turn_runs_stays_so(room: Room) -> None:
    first = room.running()
    room.api.patch(f"/sessions/{room.session_id}", json={"is_archived": True, "is_pinned": True})
    room.gate.set()
    first.result()
    room.settled()
    (listed,) = room.api.get("/sessions", params={"status": "archived"}).json["sessions"]
    assert (listed["message_count"], listed["is_pinned"]) == (2, True)


def test_a_sender_that_waits_gives_up_when_the_session_is_archived(room: Room) -> None:
    first = room.running()
    waits = room.waiting("quick", Strategy.ENQUEUE)
    room.api.patch(f"/sessions/{room.session_id}", json={"is_archived": True})
    assert isinstance(waits.exception(), SessionArchivedError)
    room.gate.set()
    first.result()
    room.settled()


def test_a_turn_that_lost_its_lease_can_write_nothing_more(
    room: Room, monkeypatch: pytest.MonkeyPatch, pass_time: Callable[[timedelta], None]
) -> None:
    monkeypatch.setattr(supervision, "FIRST_LOOK_SECONDS", 60)
    late = room.running()
    pass_time(10 * MINUTE)
    assert room.send("quick second").result().turn.status == "completed"
    before = room.settled()
    room.gate.set()
    assert isinstance(late.exception(), LeaseLostError)
    after = room.settled()
    assert (after.transcript, after.memory) == (before.transcript, before.memory)
    assert [turn["status"] for name, turn in after.turns.items() if name not in before.turns] == ["failed"]


@pytest.mark.parametrize("body", ["first", "another"])
def test_a_turn_that_lost_its_lease_to_a_repetition_pays_for_itself(
    room: Room, monkeypatch: pytest.MonkeyPatch, pass_time: Callable[[timedelta], None], body: str
) -> None:
    monkeypatch.setattr(supervision, "FIRST_LOOK_SECONDS", 60)
    late = room.running(key="k")
    pass_time(10 * MINUTE)
    graphs.meanwhile[:] = [lambda: None]
    again = room.send(body, key="k").result()
    room.gate.set()
    if body == "first":
        assert late.result().message.message_id == again.message.message_id
    else:
        assert isinstance(late.exception(), IdempotencyKeyReusedError)
    assert sorted(turn["status"] for turn in room.settled().turns.values()) == ["completed", "failed"]


def test_what_was_used_without_an_answer_is_metered_once(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Turn] = []
    tools = replace(runtime.tools(), meter=seen.append)
    with monkeypatch.context() as metered:
        metered.setattr(runtime, "tools", lambda: tools)
        first = room.running()
        room.ask(CancelAction.ROLL_BACK)
        assert isinstance(first.exception(), TurnRolledBackError)
        assert [turn.status for turn in seen] == ["rolled_back"]
        late = room.running()
        delete(room.user_id, room.session_id)
        room.gate.set()
        assert isinstance(late.exception(), SessionDeletedError)
    assert [(turn.status, turn.output_tokens > 0) for turn in seen[1:]] == [("failed", True)]


def test_a_cancel_is_seen_while_the_models_packages_are_still_imported(room: Room) -> None:
    imported = threading.Event()

    def load(_: Session) -> None:
        room.started.release()
        imported.wait(20)

    request = engine.Request(room.user_id, room.session_id, "first", Strategy.REJECT, None, Deadline.within(60))
    sent = room.pool.submit(engine.send, request, replace(runtime.tools(), prepare=load))
    assert room.started.acquire(timeout=20)
    room.cancel()
    assert sent.result(timeout=10).turn.status == "cancelled"
    assert not imported.is_set()
    imported.set()
    assert room.said() == [("first", "completed"), ("", "cancelled")]


def test_a_clock_that_is_set_back_while_a_turn_runs_makes_no_negative_time(
    room: Room, pass_time: Callable[[timedelta], None]
) -> None:
    first = room.running()
    pass_time(-60 * MINUTE)
    room.gate.set()
    assert 0 <= first.result().turn.response_time_ms < 20_000
    stats = room.api.get(f"/sessions/{room.session_id}/stats").json
    assert stats["avg_response_time_ms"] >= 0
    assert stats["updated_at"] >= stats["created_at"]


@pytest.mark.usefixtures("empty_tables")
def test_the_sweep_ends_expired_leases_and_no_others(room: Room, pass_time: Callable[[timedelta], None]) -> None:
    first = room.running()
    assert repair.end_leases(now_due()) == 0
    assert room.header().lease_turn_id is not None
    pass_time(10 * MINUTE)
    assert repair.end_leases(now_due()) == 1
    assert repair.end_leases(now_due()) == 0
    room.gate.set()
    assert isinstance(first.exception(), LeaseLostError)
    room.settled()
