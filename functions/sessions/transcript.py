"""A session's transcript, a page at a time."""

from chatkeep import bodies, parts, sessions
from chatkeep.models.message import PREFIX, Message
from chatkeep.models.table import session_partition
from functions.sessions import cursor as cursors

LARGEST_PAGE_BYTES = 5 * 1024 * 1024
"""Lambda answers with 6 MB at most: https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html"""


def page(
    user_id: str, session_id: str, limit: int, cursor: str | None, newest_first: bool
) -> tuple[list[Message], str | None]:
    """Up to `limit` messages, fewer where they are long, and the cursor of the next page or None.

    Raises SessionNotFoundError, InvalidFieldError for a cursor of another transcript or order, BrokenThreadError.
    """
    header = sessions.header(user_id, session_id)
    listing = ("messages", user_id, session_id, "desc" if newest_first else "asc")
    after = cursors.open_sealed(cursor, *listing)
    if header.last_message_id is None:
        return [], None
    # What is newer belongs to a turn that is being stored, or that died in that.
    newest = f"{PREFIX}{header.last_message_id}"
    first, last = (PREFIX, after or newest) if newest_first else (after or PREFIX, newest)
    found = Message.query(
        session_partition(user_id, session_id),
        Message.sk.between(first, last),
        consistent_read=True,
        scan_index_forward=not newest_first,
        limit=limit + 2,  # the message at the cursor comes again; one more than asked for tells of a next page
    )
    messages: list[Message] = []
    size = 0
    for message in (one for one in found if one.sk != after):
        parts.join([message])
        size += _bytes(message)
        if len(messages) == limit or (messages and size > LARGEST_PAGE_BYTES):
            return messages, cursors.seal(messages[-1].sk, *listing)
        messages.append(message)
    return messages, None


def _bytes(message: Message) -> int:
    """What the message takes of the function's result, which is JSON with the response's JSON in a string."""
    long = [message.content, message.tool_calls, message.comment]
    return len(bodies.serialised(bodies.serialised(long)).encode())
