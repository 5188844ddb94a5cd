"""A session's transcript, a page at a time."""

from itertools import islice

from pynamodb.expressions.condition import Condition

from chatkeep import sessions
from chatkeep.models.message import PREFIX, Message
from chatkeep.models.table import session_partition
from functions.sessions import cursor as cursors


def page(
    user_id: str, session_id: str, limit: int, cursor: str | None, newest_first: bool
) -> tuple[list[Message], str | None]:
    """Up to `limit` messages, and the cursor of the next page or None.

    Raises SessionNotFoundError, InvalidFieldError for a cursor of another transcript or order.
    """
    sessions.header(user_id, session_id)
    listing = ("messages", user_id, session_id, "desc" if newest_first else "asc")
    after = cursors.open_sealed(cursor, *listing)
    rest: Condition
    if after is None:
        rest = Message.sk.startswith(PREFIX)
    elif newest_first:
        rest = Message.sk.between(PREFIX, after)
    else:
        rest = Message.sk.between(after, f"{PREFIX}~")
    # The message at the cursor comes again and is dropped; one more than asked for tells whether there is a next page.
    skipped = 0 if after is None else 1
    found = Message.query(
        session_partition(user_id, session_id),
        rest,
        consistent_read=True,
        scan_index_forward=not newest_first,
        limit=limit + skipped + 1,
    )
    messages = list(islice(found, skipped, None))
    more = len(messages) > limit
    return messages[:limit], cursors.seal(messages[limit - 1].sk, *listing) if more else None
