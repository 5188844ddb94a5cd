"""A session's transcript, one page or one message at a time."""

from collections.abc import Iterator

from chatkeep import messages, sessions
from chatkeep.errors import MessageNotFoundError
from chatkeep.messages import MessageView, fitting, parts
from chatkeep.models.message import Message
from chatkeep.models.session import Session


def page(session: Session, limit: int, after: str | None, newest_first: bool) -> tuple[list[MessageView], bool]:
    """Up to `limit` messages that come after the one with the id `after`, and whether there are more.

    They are fewer where they are long. One that does not fit into an answer stands alone on its page, cut. Raises
    BrokenThreadError.
    """
    shown: list[MessageView] = []
    room = fitting.ROOM_BYTES
    for message in in_order(session, after, newest_first, limit + 1):  # one more tells of a next page
        if len(shown) == limit or (shown and parts.least_bytes(message) > room):
            return shown, True
        parts.join([message])
        view = messages.view(message)
        room -= fitting.size(view)
        if shown and room < 0:
            return shown, True
        shown.append(view)
    return shown, False


def one(user_id: str, session_id: str, message_id: str) -> Message:
    """A message of the transcript. Raises SessionNotFoundError, MessageNotFoundError, BrokenThreadError."""
    last = sessions.header(user_id, session_id).last_message_id
    if last is None or message_id > last:  # see `in_order`
        raise MessageNotFoundError(message_id)
    return messages.get(user_id, session_id, message_id)


def in_order(
    session: Session, after: str | None, newest_first: bool, limit: int | None = None, page: int | None = None
) -> Iterator[Message]:
    """The messages that come after the one with the id `after`: at most `limit`, of which a request reads `page`."""
    # Newer messages belong to a turn that is being stored, or that died while it was.
    last = session.last_message_id
    if last is None:
        return iter(())
    found = Message.among(
        session.user_id,
        session.session_id,
        first="" if newest_first else after or "",
        last=(after or last) if newest_first else last,
        newest_first=newest_first,
        limit=limit and limit + 1,  # the message at `after` comes again
        page=page and page + 1,
    )
    return (message for message in found if message.message_id != after)
