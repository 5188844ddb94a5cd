"""The answer that was given to a request with an idempotency key."""

from pynamodb.attributes import NumberAttribute, UnicodeAttribute

from chatkeep.models.keys import Id, Key
from chatkeep.models.table import IN_USER, SessionsTable


class Answer(SessionsTable):
    """`expires_at` is the table's time to live, in seconds since the epoch; reads must not rely on its deletion.

    `session_id` is the session that `body` tells of, and goes with.
    """

    KEY = Key(IN_USER, "IDEMPOTENCY#{claim_id}")
    user_id, claim_id = Id(), Id()

    session_id = UnicodeAttribute(null=True)
    fingerprint = UnicodeAttribute()
    body = UnicodeAttribute()
    expires_at = NumberAttribute()
