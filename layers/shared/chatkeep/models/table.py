"""The table that the models' items lie in."""

from pynamodb.attributes import UnicodeAttribute
from pynamodb.models import Model

from chatkeep.settings import settings


class SessionsTable(Model):
    """The keys that every entity has; each says in its constructor what they are made of."""

    class Meta:
        table_name = settings().sessions_table
        host = settings().dynamodb_endpoint

    pk = UnicodeAttribute(hash_key=True)
    sk = UnicodeAttribute(range_key=True)


SESSION_PREFIX = "SESSION#"


def user_partition(user_id: str) -> str:
    """The partition of what belongs to a user as a whole."""
    return f"USER#{user_id}"


def session_partition(user_id: str, session_id: str) -> str:
    """The partition of one session's contents. No other owner can form it: a session id has a fixed length."""
    return f"{SESSION_PREFIX}{user_id}#{session_id}"
