"""The answer that was given to a request with an idempotency key."""

from pynamodb.attributes import NumberAttribute, UnicodeAttribute

from chatkeep.models.table import SessionsTable, user_partition


class Answer(SessionsTable):
    """`expires_at` is the table's time to live, in seconds since the epoch; reads must not rely on its deletion."""

    fingerprint = UnicodeAttribute()
    body = UnicodeAttribute()
    expires_at = NumberAttribute()

    @classmethod
    def key(cls, user_id: str, claim: str) -> tuple[str, str]:
        return user_partition(user_id), f"IDEMPOTENCY#{claim}"
