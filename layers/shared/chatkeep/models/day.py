"""A user's usage on one day in UTC."""

from pynamodb.attributes import NumberAttribute

from chatkeep.models.keys import Id, Key
from chatkeep.models.table import IN_USER, SessionsTable


class Day(SessionsTable):
    """It stays after a session is deleted."""

    KEY = Key(IN_USER, "DAY#{date}")
    date = Id()

    turns = NumberAttribute(default=0)
    messages = NumberAttribute(default=0)
    input_tokens = NumberAttribute(default=0)
    output_tokens = NumberAttribute(default=0)
    cost = NumberAttribute(default=0)
    timed_turns = NumberAttribute(default=0)
    response_ms = NumberAttribute(default=0)
