"""What a user's sessions add up to, and what a user's days add up to."""

from datetime import date

from pynamodb.attributes import NumberAttribute, UnicodeSetAttribute

from chatkeep.models.table import SessionsTable, user_partition

DAY_PREFIX = "DAY#"


class Totals(SessionsTable):
    """Over the sessions that exist: how many in each status, and what they have used; and the slots that are taken."""

    active_sessions = NumberAttribute(default=0)
    archived_sessions = NumberAttribute(default=0)
    deleted_sessions = NumberAttribute(default=0)
    total_messages = NumberAttribute(default=0)
    total_tokens = NumberAttribute(default=0)
    total_cost = NumberAttribute(default=0)
    slots = UnicodeSetAttribute(null=True)

    @classmethod
    def of(cls, user_id: str) -> "Totals":
        return cls(user_partition(user_id), "TOTALS")


class Day(SessionsTable):
    """What a user spent on one day in UTC; it stays after a session is deleted."""

    turns = NumberAttribute(default=0)
    messages = NumberAttribute(default=0)
    input_tokens = NumberAttribute(default=0)
    output_tokens = NumberAttribute(default=0)
    cost = NumberAttribute(default=0)
    timed_turns = NumberAttribute(default=0)
    response_ms = NumberAttribute(default=0)

    @classmethod
    def of(cls, user_id: str, day: date) -> "Day":
        return cls(user_partition(user_id), f"{DAY_PREFIX}{day.isoformat()}")

    @property
    def date(self) -> str:
        return self.sk.removeprefix(DAY_PREFIX)
