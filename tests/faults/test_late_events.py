"""Events of a stream that are stored after the tombstone, by a turn that has not noticed it: nothing of them stays."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from itertools import count
from typing import Any

import pytest

from chatkeep import ids
from chatkeep.clock import milliseconds, now
from chatkeep.deadline import Deadline
from chatkeep.models.event_batch import EventBatch
from chatkeep.models.session import Session
from chatkeep.streams.copy import LEASE_MARGIN_MS
from chatkeep.turns import lease
from chatkeep.turns.lease import SHORT_SECONDS, Sender
from tests.cases import cases
from tests.chat import new_session
from tests.client import Client
from tests.faults.injector import interrupted
from tests.faults.stored import scan
from tests.jobs import carry_out_jobs, run_purge

pytestmark = pytest.mark.usefixtures("empty_tables")
PassTime = Callable[[timedelta], None]
LEASE = timedelta(seconds=SHORT_SECONDS)
A_MINUTE = timedelta(minutes=1)


@dataclass
class Streamed:
    """A turn whose events are stored while its lease lasts, as it knows it, whatever has become of its session."""

    dynamodb: Any
    api: Client
    session_id: str
    held: Session
    stored: int = 0

    def store(self) -> None:
        if milliseconds(now()) < self.held.lease_expires_at - LEASE_MARGIN_MS:
            self.stored += 1
            EventBatch(
                self.api.user_id, self.session_id, self.held.lease_turn_id, self.stored, 0, data=b"", expires_at=2**40
            ).save(EventBatch.sk.does_not_exist())

    def left(self) -> list[Any]:
        """What still tells of the session, receipts aside."""
        found = scan(self.dynamodb)
        return [key for key in found.telling_of({self.session_id}) if key not in found.receipts()]

    def receipt(self) -> dict[str, Any]:
        (receipt,) = self.api.get("/deletions").json["deletions"]
        found: dict[str, Any] = receipt
        return found


def streamed(dynamodb: Any, seconds: float = 900) -> Streamed:
    """One whose turn runs for so many seconds at the most."""
    api = Client(f"user-{ids.new()}")
    session_id = new_session(api)
    until = Deadline.within(seconds).lease_expiry()
    sender = Sender(str(api.user_id), session_id, ids.new(), until, is_short=True)
    turn = Streamed(dynamodb, api, session_id, lease.acquire(sender, Session.sk.exists()))
    turn.store()
    return turn


def delete(turn: Streamed) -> None:
    assert turn.api.delete(f"/sessions/{turn.session_id}?permanent=true").status == 202


def erase(turn: Streamed) -> None:
    assert turn.api.delete("/me", json={"confirm": turn.api.user_id}).status == 202


ENDS = cases([delete, erase], thorough=[erase])


@pytest.mark.thorough
@pytest.mark.parametrize("end", [delete, erase])
def test_events_that_come_between_any_two_requests_of_the_removal_leave_nothing(
    dynamodb: Any, pass_time: PassTime, end: Callable[[Streamed], None]
) -> None:
    for at in count():
        turn = streamed(dynamodb)
        end(turn)
        with interrupted(at, turn.store) as met:
            run_purge()
        if not met.hit:
            break
        assert turn.receipt()["status"] == "running"
        pass_time(A_MINUTE)
        carry_out_jobs()
        assert turn.left() == [], at
        assert (turn.receipt()["status"], turn.receipt()["removed"]["events"]) == ("done", 2)
    assert at > 4


@pytest.mark.parametrize("end", ENDS)
def test_a_removal_is_done_when_the_lease_that_it_ended_is_over_and_not_before(
    dynamodb: Any, pass_time: PassTime, end: Callable[[Streamed], None]
) -> None:
    turn = streamed(dynamodb)
    end(turn)
    carry_out_jobs()
    assert turn.receipt()["status"] == "running"
    pass_time(LEASE - timedelta(seconds=2))
    carry_out_jobs()
    assert turn.receipt()["finished_at"] is None
    pass_time(timedelta(seconds=3))
    carry_out_jobs()
    assert turn.receipt()["status"] == "done"
    assert turn.left() == []


def test_a_lease_that_is_renewed_after_the_deletion_has_read_the_session_counts(
    dynamodb: Any, pass_time: PassTime
) -> None:
    turn = streamed(dynamodb)
    pass_time(LEASE - timedelta(seconds=1))

    def renew() -> None:
        turn.held = lease.renewed(turn.held)

    with interrupted(1, renew):
        delete(turn)
    run_purge()
    turn.store()
    assert turn.stored == 2
    pass_time(LEASE)
    carry_out_jobs()
    assert turn.left() == []


@pytest.mark.parametrize("end", ENDS)
def test_a_session_without_a_running_turn_is_removed_at_once(
    dynamodb: Any, pass_time: PassTime, end: Callable[[Streamed], None]
) -> None:
    turn = streamed(dynamodb)
    pass_time(LEASE)
    end(turn)
    carry_out_jobs()
    assert turn.receipt()["status"] == "done"
    assert turn.left() == []
