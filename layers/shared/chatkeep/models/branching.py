"""The branches of a session's conversation: an item that only sessions have which have branched."""

from pynamodb.attributes import BinaryAttribute, UnicodeAttribute

from chatkeep.models.keys import Id, Key
from chatkeep.models.table import IN_SESSION, SessionsTable


class Branching(SessionsTable):
    """Pairs of message ids, each id in 16 bytes: see `chatkeep.messages.branches`. `last_message_id` is the session's
    at the time that they tell of."""

    KEY = Key(IN_SESSION, "BRANCHES")
    user_id, session_id = Id(), Id()

    last_message_id = UnicodeAttribute()
    hidden = BinaryAttribute(legacy_encoding=False)
    versions = BinaryAttribute(legacy_encoding=False)
