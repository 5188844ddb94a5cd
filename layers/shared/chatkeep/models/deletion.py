"""A deletion for good: the job that removes, and afterwards its receipt."""

from enum import StrEnum

from pynamodb.attributes import NumberAttribute, UnicodeAttribute

from chatkeep.models.job import Job
from chatkeep.models.keys import Id, Key
from chatkeep.models.table import IN_USER


class DeletionKind(StrEnum):
    SESSION = "session"
    EXPIRY = "expiry"
    USER = "user"


class Removal(Job):
    """What both kinds of deletion count: the items that they found, and the place up to which those are counted.

    Items are counted before they are removed, page by page in the order of their keys: an attempt after one that died
    finds what is left of a page and counts it no more.
    """

    deletion_id = Id()

    kind = UnicodeAttribute()
    checkpoint_items = NumberAttribute(default=0)
    messages = NumberAttribute(default=0)
    turns = NumberAttribute(default=0)
    events = NumberAttribute(default=0)
    sessions = NumberAttribute(default=0)
    counted_in = UnicodeAttribute(null=True)
    counted_to = UnicodeAttribute(null=True)


class Deletion(Removal):
    """Of one session. `shown_id` is the session's id as its client knows it. Of a user's who was erased, of the kind
    `USER`, no receipt stays."""

    KEY = Key(IN_USER, "DELETION#{deletion_id}")
    user_id = Id()

    session_id = UnicodeAttribute()
    shown_id = UnicodeAttribute(null=True)


class Erasure(Removal):
    """Of a user. Its key holds a keyed digest of the user's id, and `subject`, the id itself, goes at the end."""

    KEY = Key("ERASED#{digest}", "DELETION#{deletion_id}")
    digest = Id()

    subject = UnicodeAttribute(null=True)
