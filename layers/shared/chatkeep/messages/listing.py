"""A session's transcript, one page or one message at a time."""

from collections.abc import Iterator

from chatkeep import messages, sessions
from chatkeep.errors import MessageNotFoundError
from chatkeep.messages import MessageView, branches, fitting, parts
from chatkeep.messages.branches import Branches
from chatkeep.models.message import Message
from chatkeep.models.session import Session

MOST_READ_THROUGH = 25
"""Hidden messages that are read on the way to the next one: cheaper than another Query."""


def page(session: Session, limit: int, after: str | None, newest_first: bool) -> tuple[list[MessageView], bool]:
    """Up to `limit` messages of the active branch that come after the one with the id `after`, and whether there are
    more.

    They are fewer where they are long. One that does not fit into an answer stands alone on its page, cut. Raises
    BrokenThreadError, SessionNotFoundError.
    """
    session, known = branches.at_one_time(session)
    shown: list[MessageView] = []
    room = fitting.ROOM_BYTES
    for message in in_order(session, known, limit, after, newest_first):
        if len(shown) == limit or (shown and parts.least_bytes(message) > room):
            return shown, True
        parts.join([message])
        known.mark([message])
        view = messages.view(message)
        room -= fitting.size(view)
        if shown and room < 0:
            return shown, True
        shown.append(view)
    return shown, False


def one(user_id: str, session_id: str, message_id: str) -> Message:
    """A message of any branch. Raises SessionNotFoundError, MessageNotFoundError, BrokenThreadError."""
    session = sessions.header(user_id, session_id)
    last = session.last_message_id
    if last is None or message_id > last:  # see `in_order`
        raise MessageNotFoundError(message_id)
    found = messages.get(user_id, session_id, message_id)
    branches.of(session).mark([found])
    return found


def in_order(
    session: Session, known: Branches, count: int, after: str | None, newest_first: bool, until: str | None = None
) -> Iterator[Message]:
    """The messages of the active branch that come after the one with the id `after`, none of them younger than `until`;
    about `count` of them are read at once."""
    # Newer messages belong to a turn that is being stored, or that died while it was.
    last = session.last_message_id
    if last is None:
        return iter(())
    first = "" if newest_first else after or ""
    last = min(until or last, last)
    last = min(after or last, last) if newest_first else last
    if first > last:  # an answer far above the page is being made again
        return iter(())
    count += 2  # the message at `after` comes again; one more than asked for tells of a next page
    found = (
        _of_branch(session, known, first, last, newest_first, count)
        if known.hidden
        else Message.among(
            session.user_id, session.session_id, first=first, last=last, newest_first=newest_first, page=count
        )
    )
    return (message for message in found if message.message_id != after)


def _of_branch(
    session: Session, known: Branches, first: str, last: str, newest_first: bool, count: int
) -> Iterator[Message]:
    """The messages that are not hidden, of which `count` will be asked for: as many again are read with them where
    others may lie between. A long row of hidden ones is left out by another Query."""
    read_with = min(count, 2 * sum(first <= gap[1] and gap[0] <= last for gap in known.hidden))
    jumps = True
    while jumps:
        jumps, passed = False, 0
        for message in Message.among(
            session.user_id,
            session.session_id,
            first=first,
            last=last,
            newest_first=newest_first,
            page=count + read_with,
        ):
            gap = known.gap(message.message_id)
            if gap is None:
                passed = 0
                yield message
            elif (passed := passed + 1) > MOST_READ_THROUGH:
                first, last = (first, gap[0]) if newest_first else (gap[1], last)
                jumps = True
                break
