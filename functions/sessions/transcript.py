"""A session's transcript, a page or a message at a time."""

from chatkeep import messages, sessions
from chatkeep.errors import MessageNotFoundError
from chatkeep.messages import MessageView, fitting, parts
from chatkeep.models.message import PREFIX, Message
from chatkeep.models.table import session_partition
from functions.sessions import cursor as cursors


def page(
    user_id: str, session_id: str, limit: int, cursor: str | None, newest_first: bool
) -> tuple[list[MessageView], str | None]:
    """Up to `limit` messages, fewer where they are long, and the cursor of the next page or None.

    A message that does not fit into an answer stands alone on its page, cut. Raises SessionNotFoundError,
    InvalidFieldError for a cursor of another transcript or order, BrokenThreadError.
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
    shown: list[MessageView] = []
    room = fitting.ROOM_BYTES
    for message in (one for one in found if one.sk != after):
        if len(shown) == limit or (shown and parts.least_bytes(message) > room):
            break
        parts.join([message])
        view = messages.view(message)
        room -= fitting.size(view)
        if shown and room < 0:
            break
        shown.append(view)
    else:
        return shown, None
    return shown, cursors.seal(f"{PREFIX}{shown[-1].message_id}", *listing)


def one(user_id: str, session_id: str, message_id: str) -> Message:
    """A message of the transcript. Raises SessionNotFoundError, MessageNotFoundError, BrokenThreadError."""
    last = sessions.header(user_id, session_id).last_message_id
    if last is None or message_id > last:  # see `page`
        raise MessageNotFoundError(message_id)
    return messages.get(user_id, session_id, message_id)
