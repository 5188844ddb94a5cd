"""Answers that are made again while others use the session, are stopped, or fail."""

from collections.abc import Callable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest

from chatkeep import sessions
from chatkeep.checkpointer import DynamoDBSaver
from chatkeep.dynamodb.transaction import Transaction
from chatkeep.errors import (
    ConcurrentWriteError,
    LeaseLostError,
    MessageNotActiveError,
    TurnInProgressError,
    TurnRolledBackError,
)
from chatkeep.turns import lease, supervision
from chatkeep.turns.admission import Strategy
from chatkeep.turns.answers import Answer
from chatkeep.turns.lease import CancelAction
from functions.sessions import cancelling
from tests import graphs
from tests.chat import deployment, new_session
from tests.checkpoint_threads import TABLE
from tests.client import Client
from tests.senders import Senders, gated
from tests.views import Views, views


@dataclass(kw_only=True)
class Room(Senders):
    """A session with the turns `quick one` and `two`, of which the second waits for the gate when it is made again."""

    dynamodb: Any
    session_id: str

    def begin(self) -> None:
        self.one = self.send("quick one").result()
        graphs.meanwhile[:] = [lambda: None]
        self.two = self.send("two").result()
        graphs.meanwhile[:] = [self._hold]

    def send(self, content: str, strategy: Strategy = Strategy.REJECT) -> Future[Answer]:
        return self.send_to(self.session_id, content, strategy, None)

    def again(self, answer: Answer, strategy: Strategy = Strategy.REJECT, key: str | None = None) -> Future[Answer]:
        return self.send_to(self.session_id, "", strategy, key, answer.message.message_id)

    def running(self, **options: Any) -> Future[Answer]:
        """The second answer, made again, which has reached its model."""
        return self.reach_the_model(self.again(self.two, **options))

    def settled(self) -> Views:
        found = views(self.dynamodb, self.user_id, self.session_id)
        found.check()
        found.check_nothing_is_pending()
        return found

    def said(self) -> list[tuple[str, str]]:
        return [(one["content"], one["status"]) for one in self.settled().transcript]


ONE = [("quick one", "completed"), ("echo: quick one", "completed")]
TWO = [("two", "completed"), ("echo: two", "completed")]


@pytest.fixture
def room(api: Client, dynamodb: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Room]:
    with gated(monkeypatch, turns_per_user=32) as pool:
        made = Room(api, pool, dynamodb=dynamodb, session_id=new_session(api))
        made.begin()
        yield made
        made.gate.set()


def test_it_is_refused_while_another_turn_runs_and_that_one_while_it_does(room: Room) -> None:
    first = room.running()
    assert isinstance(room.again(room.one).exception(), TurnInProgressError)
    assert isinstance(room.send("quick").exception(), TurnInProgressError)
    room.gate.set()
    assert first.result().message.siblings == [room.two.message.message_id, first.result().message.message_id]
    assert room.said() == [*ONE, *TWO]


def test_it_waits_for_the_running_turn_and_is_then_made_of_the_branch_as_it_is(room: Room) -> None:
    first = room.running()
    hidden = room.again(room.two, Strategy.ENQUEUE)
    room.gate.set()
    first.result()
    assert hidden.result().message.siblings[-1] == hidden.result().message.message_id
    assert len(hidden.result().message.siblings) == 3
    assert room.said() == [*ONE, *TWO]


def test_an_answer_that_another_turn_hides_meanwhile_is_not_made_again(room: Room) -> None:
    first = room.running()
    waits = room.again(room.two, Strategy.ENQUEUE)
    while not sessions.header(room.user_id, room.session_id).waiting:
        pass
    room.again(room.one, Strategy.INTERRUPT).result()
    assert first.result().turn.status == "cancelled"
    assert isinstance(waits.exception(), MessageNotActiveError)
    assert room.said() == ONE


def test_it_interrupts_the_running_turn_whose_words_stay_a_version(room: Room) -> None:
    first = room.running()
    second = room.again(room.one, Strategy.INTERRUPT)
    assert second.result().turn.status == "completed"
    assert first.result().turn.status == "cancelled"
    assert room.said() == ONE
    assert len(room.settled().messages) == 6


def test_it_rolls_the_running_turn_back(room: Room) -> None:
    first = room.running()
    assert room.again(room.one, Strategy.ROLLBACK).result().turn.status == "completed"
    assert isinstance(first.exception(), TurnRolledBackError)
    assert room.said() == ONE
    assert len(room.settled().messages) == 5


def test_a_cancel_keeps_the_words_so_far_as_a_version(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    graphs.meanwhile[:] = [lambda: cancelling.cancel(room.user_id, room.session_id, None)]
    with deployment(monkeypatch, {"GRAPH": "tests.graphs:patient"}):
        cancelled = room.again(room.two).result()
        assert (cancelled.message.content, cancelled.turn.status) == ("Let me", "cancelled")
        room.send("quick next").result()
    assert room.said() == [*ONE, TWO[0], ("Let me", "cancelled"), ("quick next", "completed"),
                           ("echo: quick next", "completed")]  # fmt: skip


def test_a_rollback_leaves_the_version_before(room: Room) -> None:
    first = room.running()
    with Transaction() as transaction:
        lease.cancel(transaction, sessions.header(room.user_id, room.session_id), CancelAction.ROLL_BACK)
    assert isinstance(first.exception(), TurnRolledBackError)
    assert room.said() == [*ONE, *TWO]
    assert "has_branched" not in room.settled().session


def test_a_turn_that_fails_before_a_word_leaves_the_version_before(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    with deployment(monkeypatch, {"GRAPH": "tests.graphs:raising"}):
        assert room.again(room.two).exception() is not None
    assert room.said() == [*ONE, *TWO]


def test_a_repetition_waits_for_the_running_one_and_gets_its_version(room: Room) -> None:
    first = room.running(key="k")
    twin = room.again(room.two, key="k")
    room.gate.set()
    assert twin.result().message.message_id == first.result().message.message_id
    assert len(room.settled().turns) == 3


def test_a_turn_that_lost_its_lease_begins_no_branch(
    room: Room, monkeypatch: pytest.MonkeyPatch, pass_time: Callable[[timedelta], None]
) -> None:
    monkeypatch.setattr(supervision, "FIRST_LOOK_SECONDS", 60)
    late = room.running()
    pass_time(timedelta(minutes=10))
    room.send("quick three").result()
    room.gate.set()
    assert isinstance(late.exception(), LeaseLostError)
    assert room.said() == [*ONE, *TWO, ("quick three", "completed"), ("echo: quick three", "completed")]


def continue_elsewhere(room: Room) -> None:
    saver = DynamoDBSaver(TABLE, room.dynamodb, require_head_parent=True)
    config: Any = {"configurable": {"thread_id": room.session_id}}
    graphs.careless(None, "", saver).update_state(config, {"messages": [("user", "elsewhere")]}, as_node="node")  # type: ignore[arg-type]


def test_a_writer_elsewhere_during_the_turn_is_not_overwritten(room: Room) -> None:
    first = room.running()
    continue_elsewhere(room)
    room.gate.set()
    assert isinstance(first.exception(), ConcurrentWriteError)
    found = views(room.dynamodb, room.user_id, room.session_id)
    assert [one["content"] for one in found.transcript] == ["quick one", "echo: quick one", "two", "echo: two"]
    assert found.memory[-1] == ("user", "elsewhere")


def test_what_a_writer_elsewhere_added_before_is_left_with_its_branch(room: Room) -> None:
    continue_elsewhere(room)
    graphs.meanwhile[:] = [lambda: None]
    room.again(room.two).result()
    assert room.said() == [*ONE, *TWO]
