"""A user's totals over the sessions that exist."""

from pynamodb.attributes import NumberAttribute, UnicodeSetAttribute

from chatkeep.models.keys import Key
from chatkeep.models.table import IN_USER, SessionsTable


class Totals(SessionsTable):
    """The number of sessions per status, their usage together, and the slots that are taken."""

    KEY = Key(IN_USER, "TOTALS")

    active_sessions = NumberAttribute(default=0)
    archived_sessions = NumberAttribute(default=0)
    deleted_sessions = NumberAttribute(default=0)
    total_messages = NumberAttribute(default=0)
    total_tokens = NumberAttribute(default=0)
    total_cost = NumberAttribute(default=0)
    slots = UnicodeSetAttribute(null=True)
