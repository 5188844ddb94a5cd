"""Pages of lists, each with the cursor of the next one."""

import json

from chatkeep import sessions
from chatkeep.messages import branches, fitting, ui_listing
from chatkeep.messages import listing as transcript
from chatkeep.models.session import Status
from chatkeep.sessions import listing
from chatkeep.sessions.folding import folded
from chatkeep.sessions.listing import Wanted
from chatkeep.sessions.views import view
from chatkeep.streams import running_question
from functions.sessions import turns
from functions.sessions.cursor import open_sealed, seal
from functions.sessions.schemas.messages import MessagePage
from functions.sessions.schemas.sessions import SessionPage
from functions.sessions.schemas.turns import TurnPage, TurnRecordView


def of_sessions(
    user_id: str, statuses: list[Status], q: str, tags: list[str], limit: int, cursor: str | None
) -> SessionPage:
    """Up to `limit` sessions, fewer where they are long. A `q` that is blank is none.

    Raises InvalidFieldError for a cursor of another list.
    """
    wanted = Wanted(folded(q), frozenset(tags))
    listed = ("sessions", user_id, ",".join(statuses), wanted.needle, *_one_text(wanted.tags))
    found, more = listing.page(user_id, statuses, wanted, limit, open_sealed(cursor, *listed) or "")
    shown = fitting.first([view(one) for one in found])
    more = more or len(shown) < len(found)
    return SessionPage(sessions=shown, next_cursor=seal(found[len(shown) - 1].position, *listed) if more else None)


def _one_text(tags: frozenset[str]) -> list[str]:
    """The tags as a part of a cursor's list, which separates its parts by a character that a tag may hold."""
    return [json.dumps(sorted(tags))] if tags else []


def of_messages(user_id: str, session_id: str, limit: int, cursor: str | None, newest_first: bool) -> MessagePage:
    """Up to `limit` messages, fewer where they are long.

    Raises SessionNotFoundError, InvalidFieldError for a cursor of another transcript or order, BrokenThreadError.
    """
    session = sessions.header(user_id, session_id)  # a foreign session is not found, whatever the cursor
    listed = ("messages", user_id, session_id, "desc" if newest_first else "asc")
    after = open_sealed(cursor, *listed)
    shown, more = transcript.page(session, limit, after, newest_first)
    return MessagePage(messages=shown, next_cursor=seal(shown[-1].message_id, *listed) if more else None)


def of_turns(user_id: str, session_id: str, limit: int, cursor: str | None) -> TurnPage:
    """Up to `limit` turns, fewer where their calls are many.

    Raises SessionNotFoundError, InvalidFieldError for a cursor of another list.
    """
    session = sessions.header(user_id, session_id)
    listed = ("turns", user_id, session_id)
    at, _, turn_id = (open_sealed(cursor, *listed) or "").partition("#")
    found, more = turns.page(session, limit, (at, turn_id) if at else None)
    shown = fitting.first([TurnRecordView.of(turn) for _, turn in found])
    more = more or len(shown) < len(found)
    last = "#".join(found[len(shown) - 1][0]) if shown else ""
    return TurnPage(turns=shown, next_cursor=seal(last, *listed) if more and shown else None)


def of_ui_messages(user_id: str, session_id: str, limit: int, cursor: str | None, newest_first: bool) -> MessagePage:
    """The same as UIMessages, up to the question whose answer is on its way; a cursor is not good for both."""
    session, known = branches.at_one_time(sessions.header(user_id, session_id))
    listed = ("ui messages", user_id, session_id, "desc" if newest_first else "asc")
    after = open_sealed(cursor, *listed)
    running = running_question.of(session)
    shown, reached = ui_listing.page(session, known, running, limit, after, newest_first)
    return MessagePage(messages=shown, next_cursor=seal(reached, *listed) if reached else None)
