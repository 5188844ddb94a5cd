"""A user's totals over the sessions that exist."""

from pynamodb.attributes import NumberAttribute, UnicodeAttribute, UnicodeSetAttribute

from chatkeep.models.keys import Key
from chatkeep.models.table import IN_USER, SessionsTable


class Totals(SessionsTable):
    """The number of sessions per status, their usage and ratings together, and the slots that are taken.

    `created_at` is that of the user's first session, since the last erasure. With an `erasure_id`, the user is being
    erased and gets no new session; `erasure_digest` is what stands for the user in the erasure's key.
    """

    KEY = Key(IN_USER, "TOTALS")

    active_sessions = NumberAttribute(default=0)
    archived_sessions = NumberAttribute(default=0)
    deleted_sessions = NumberAttribute(default=0)
    total_messages = NumberAttribute(default=0)
    total_tokens = NumberAttribute(default=0)
    total_cost = NumberAttribute(default=0)
    thumbs_up = NumberAttribute(default=0)
    thumbs_down = NumberAttribute(default=0)
    slots = UnicodeSetAttribute(null=True)
    created_at = UnicodeAttribute(null=True)
    erasure_id = UnicodeAttribute(null=True)
    erasure_digest = UnicodeAttribute(null=True)
