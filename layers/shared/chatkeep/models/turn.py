"""A turn: what was used, once; the record is also the claim of its idempotency key."""

from enum import StrEnum
from typing import Any

from pynamodb.attributes import JSONAttribute, ListAttribute, NumberAttribute, UnicodeAttribute

from chatkeep.models.table import SessionsTable, session_partition

PREFIX = "TURN#"


class TurnStatus(StrEnum):
    COMPLETED = "completed"
    CANCELLED = "cancelled"
    ROLLED_BACK = "rolled_back"
    FAILED = "failed"
    TIMED_OUT = "timed_out"
    REPORTED = "reported"
    """Reported for an agent that runs elsewhere."""


class Turn(SessionsTable):
    """Every counter equals the sum of the records of this kind that feed it. `cost` is in micro-dollars; `error` is the
    problem that ended a failed turn."""

    status = UnicodeAttribute()
    created_at = UnicodeAttribute()
    fingerprint = UnicodeAttribute(null=True)
    fence = NumberAttribute(null=True)
    messages = NumberAttribute(default=0)
    input_tokens = NumberAttribute(default=0)
    output_tokens = NumberAttribute(default=0)
    cost = NumberAttribute(default=0)
    response_time_ms = NumberAttribute(null=True)
    calls = JSONAttribute(null=True)
    error = JSONAttribute(null=True)
    message_ids: ListAttribute[Any] = ListAttribute(null=True)

    def __init__(
        self, user_id: str | None = None, session_id: str | None = None, turn_id: str | None = None, **attributes: Any
    ) -> None:
        if user_id is not None and session_id is not None and turn_id is not None:
            attributes |= {"pk": session_partition(user_id, session_id), "sk": f"{PREFIX}{turn_id}"}
        super().__init__(**attributes)

    @property
    def turn_id(self) -> str:
        return self.sk.removeprefix(PREFIX)
