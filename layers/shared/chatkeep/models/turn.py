"""A turn: the record of its usage, which is also the claim of its idempotency key."""

from enum import StrEnum
from typing import Any

from pynamodb.attributes import JSONAttribute, ListAttribute, NumberAttribute, NumberSetAttribute, UnicodeAttribute

from chatkeep.models.keys import Id, Key
from chatkeep.models.table import IN_SESSION, SessionsTable


class TurnStatus(StrEnum):
    COMPLETED = "completed"
    CANCELLED = "cancelled"
    ROLLED_BACK = "rolled_back"
    FAILED = "failed"
    TIMED_OUT = "timed_out"
    REPORTED = "reported"
    """Reported for an agent that runs elsewhere."""
    QUEUED = "queued"
    RUNNING = "running"
    """Of no record: as the API shows a turn that has none yet."""


class Turn(SessionsTable):
    """Every counter equals the sum of the records of this kind that feed it. `cost` is in micro-dollars; `error` is the
    problem that ended a failed turn. `checkpoint_id` is the thread's checkpoint that the turn made, if it made one, and
    `started_from` the one it went on from, None where the thread was empty. `message_ids` are those of its question and
    its answer; of a turn that only summarised the thread, the one of the message with the summary.

    A turn that failed before it had said anything may be run again, and its record then adds up what all `attempts`
    have used; None of a turn that was stored at the first. `title_claims` tells which attempts at the session's title
    have their calls in the record: each by its claim of the job, the time when that ends.
    """

    KEY = Key(IN_SESSION, "TURN#{turn_id}")
    user_id, session_id, turn_id = Id(), Id(), Id()

    status = UnicodeAttribute()
    created_at = UnicodeAttribute()
    fingerprint = UnicodeAttribute(null=True)
    fence = NumberAttribute(null=True)
    messages = NumberAttribute(default=0)
    input_tokens = NumberAttribute(default=0)
    output_tokens = NumberAttribute(default=0)
    cost = NumberAttribute(default=0)
    response_time_ms = NumberAttribute(null=True)
    attempts = NumberAttribute(null=True)
    calls = JSONAttribute(null=True)
    error = JSONAttribute(null=True)
    started_from = UnicodeAttribute(null=True)
    checkpoint_id = UnicodeAttribute(null=True)
    message_ids: ListAttribute[Any] = ListAttribute(null=True)
    title_claims = NumberSetAttribute(null=True)

    @property
    def attempt_count(self) -> int:
        """The number of attempts that the record is of."""
        return int(self.attempts or 1)

    @property
    def may_run_again(self) -> bool:
        """Whether a repetition of the turn's request runs it again: it has ended with a problem and no messages."""
        return self.status in (TurnStatus.FAILED, TurnStatus.TIMED_OUT) and not self.message_ids
