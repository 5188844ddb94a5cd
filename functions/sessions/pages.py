"""Pages of lists, each with the cursor of the next one."""

from chatkeep import sessions
from chatkeep.messages import fitting
from chatkeep.messages import listing as transcript
from chatkeep.models.session import Status
from chatkeep.sessions import listing
from chatkeep.sessions.folding import folded
from chatkeep.sessions.views import view
from functions.sessions.cursor import open_sealed, seal
from functions.sessions.schemas import MessagePage, SessionPage


def of_sessions(user_id: str, statuses: list[Status], q: str, limit: int, cursor: str | None) -> SessionPage:
    """Up to `limit` sessions, fewer where they are long. A `q` that is blank is none.

    Raises InvalidFieldError for a cursor of another list.
    """
    needle = folded(q)
    listed = ("sessions", user_id, ",".join(statuses), needle)
    found, more = listing.page(user_id, statuses, needle, limit, open_sealed(cursor, *listed) or "")
    shown = fitting.first([view(one) for one in found])
    more = more or len(shown) < len(found)
    return SessionPage(sessions=shown, next_cursor=seal(found[len(shown) - 1].position, *listed) if more else None)


def of_messages(user_id: str, session_id: str, limit: int, cursor: str | None, newest_first: bool) -> MessagePage:
    """Up to `limit` messages, fewer where they are long.

    Raises SessionNotFoundError, InvalidFieldError for a cursor of another transcript or order, BrokenThreadError.
    """
    session = sessions.header(user_id, session_id)  # a foreign session is not found, whatever the cursor
    listed = ("messages", user_id, session_id, "desc" if newest_first else "asc")
    after = open_sealed(cursor, *listed)
    shown, more = transcript.page(session, limit, after, newest_first)
    return MessagePage(messages=shown, next_cursor=seal(shown[-1].message_id, *listed) if more else None)
