"""Sessions of any size: removed in several invocations, each within its time, at a bounded rate of capacity.

A session of 50,000 messages, 25,000 turns and 200 MB of checkpoints takes 75,000 units for its messages and turns, and
for the rest 1,024 per MB and up to one more per item: 230,000 for items of 8 KB. At 500 units a second all of it takes
ten minutes and a half, or three invocations of five minutes.
"""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest

from chatkeep import ids
from chatkeep.checkpoint_items import keys
from chatkeep.jobs.due import now_due
from chatkeep.models.message import Message
from chatkeep.models.session import Session
from chatkeep.models.turn import Turn
from chatkeep.removal.pace import LEAST_SECONDS, UNITS_PER_SECOND
from functions.sessions import deletions
from tests.bench.meter import item_size
from tests.chat import new_session
from tests.checkpoint_threads import TABLE as CHECKPOINTS
from tests.client import Client
from tests.engines import Engine
from tests.lives import carry_out
from tests.populations import put, stored
from tests.slow_time import SlowTime, passing
from tests.views import SESSIONS_TABLE

REQUEST_SECONDS = 0.005
LONGEST_WAIT = 2.2
"""Seconds: for a batch of 1 MB, which is begun while there is time."""


@dataclass
class Sent:
    """The batches of a purge: when each was sent, and its write capacity units as AWS would have billed them."""

    time: SlowTime
    at: list[float] = field(default_factory=list)
    units: list[int] = field(default_factory=list)
    checked: int = 0

    def check_the_pace(self) -> None:
        """None of an invocation's, which ends here, was sent before those before it were paid for."""
        paid = 0.0
        for at, units in list(zip(self.at, self.units, strict=True))[self.checked :]:
            assert at >= paid - 1e-6
            paid = max(paid, at) + units / UNITS_PER_SECOND
        self.checked = len(self.at)


@contextmanager
def billed(engine: Engine, slow: SlowTime) -> Iterator[Sent]:
    """Has batches answered with the capacity that AWS would have billed, which engines reckon in ways of their own."""
    units = {key: math.ceil(item_size(item) / 1_024) for key, item in stored(engine.client).items()}
    events, sent = Session._get_connection().connection.client.meta.events, Sent(slow)
    asked: list[tuple[str, str, str]] = []

    def note(params: dict[str, Any], **_: Any) -> None:
        ((table, requests),) = params["RequestItems"].items()
        named = [one["DeleteRequest"]["Key"] for one in requests]
        asked[:] = [(table, key["pk"]["S"], key["sk"]["S"]) for key in named]

    def bill(parsed: dict[str, Any], **_: Any) -> None:
        sent.at.append(slow.moment)
        sent.units.append(sum(units.pop(key) for key in asked))
        parsed["ConsumedCapacity"] = [{"TableName": asked[0][0], "CapacityUnits": sent.units[-1]}]

    events.register("provide-client-params.dynamodb.BatchWriteItem", note)
    events.register("after-call.dynamodb.BatchWriteItem", bill)
    try:
        yield sent
    finally:
        events.unregister("provide-client-params.dynamodb.BatchWriteItem", note)
        events.unregister("after-call.dynamodb.BatchWriteItem", bill)


def fill(dynamodb: Any, user_id: str, session_id: str, turns: int, rows: int, row_bytes: int) -> None:
    """Store the records and the messages of turns, and a thread with rows of so many bytes."""
    put(dynamodb, SESSIONS_TABLE, [item for _ in range(turns) for item in of_a_turn(user_id, session_id)])
    content = {"d": {"B": b"x" * row_bytes}}
    for first in range(0, rows, 25):
        some = range(first, min(rows, first + 25))
        put(dynamodb, CHECKPOINTS, [keys.primary(session_id, keys.row("g", number)) | content for number in some])


def of_a_turn(user_id: str, session_id: str) -> Iterator[dict[str, Any]]:
    """Its record and its two messages, which take a unit each."""
    at = "2026-01-01T00:00:00.000000Z"
    yield Turn(user_id, session_id, ids.new(), status="completed", created_at=at).serialize()
    for role in ("user", "assistant"):
        message = Message(user_id, session_id, ids.new(), turn_id=ids.new(), role=role, created_at=at)
        message.content = "x" * 500
        yield message.serialize()


def purge(user_id: str, session_id: str, sent: Sent, seconds: float) -> tuple[int, Any]:
    """The number of invocations of so many seconds that the purge takes, and the receipt; each ends in its time."""
    receipt = deletions.of_session(user_id, session_id)
    job, invocations = (f"USER#{user_id}", f"DELETION#{receipt.deletion_id}"), 0
    while job in set(now_due()):
        end = sent.time.moment + seconds
        carry_out([job], seconds)
        assert sent.time.moment <= end - LEAST_SECONDS + LONGEST_WAIT
        sent.check_the_pace()
        invocations += 1
    return invocations, deletions.one(user_id, receipt.deletion_id)


@pytest.mark.thorough
@pytest.mark.usefixtures("empty_tables")
def test_a_large_session_goes_in_several_invocations_at_the_pace(
    engine: Engine, api: Client, user_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """2,000 messages and 16 MB of checkpoints, with 16 s instead of 300 for an invocation."""
    session_id = new_session(api)
    fill(engine.client, user_id, session_id, turns=1_000, rows=2_000, row_bytes=8_000)
    with passing(monkeypatch, REQUEST_SECONDS) as slow, billed(engine, slow) as sent:
        start = slow.moment
        invocations, receipt = purge(user_id, session_id, sent, 16)
        assert sum(sent.units) / UNITS_PER_SECOND <= slow.moment - start + 1
    assert (invocations, receipt.status) == (4, "done")
    assert sum(sent.units) == pytest.approx(1_000 + 2_000 + 2_000 * 8, abs=5)
    removed = receipt.removed
    assert (removed.turns, removed.messages, removed.checkpoint_items) == (1_000, 2_000, 2_000)
    assert not [
        key for key, item in stored(engine.client).items() if session_id in str(item) and "DELETION" not in key[2]
    ]


def test_a_batch_of_large_items_takes_the_units_of_two_seconds(
    engine: Engine, api: Client, user_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A batch could take those of twenty, but for the pages that the keys come in."""
    session_id = new_session(api)
    fill(engine.client, user_id, session_id, turns=0, rows=30, row_bytes=100_000)
    with passing(monkeypatch, REQUEST_SECONDS) as slow, billed(engine, slow) as sent:
        invocations, receipt = purge(user_id, session_id, sent, 9)
    assert invocations == 2
    assert UNITS_PER_SECOND < max(sent.units) < LONGEST_WAIT * UNITS_PER_SECOND
    assert (receipt.status, receipt.removed.checkpoint_items) == ("done", 30)
