"""Sessions, as every function reads them."""

from collections.abc import Sequence

from chatkeep import ids
from chatkeep.dynamodb.connection import fetch
from chatkeep.errors import SessionArchivedError, SessionDeletedError, SessionNotFoundError
from chatkeep.models.details import Details
from chatkeep.models.session import LONG, Session, Status


def get(user_id: str, session_id: str) -> Session:
    """The session with its details, read consistently. Raises SessionNotFoundError, for another user's session too."""
    session = header(user_id, session_id)
    load_details([session])
    return session


def header(user_id: str, session_id: str) -> Session:
    """The session without its details: a setting that lies there is None. Raises SessionNotFoundError."""
    if not ids.is_id(session_id):
        raise SessionNotFoundError()
    session = Session.find(user_id, session_id)
    if session is None or session.deletion_id is not None:
        raise SessionNotFoundError()
    return session


def existing(user_id: str, session_id: str) -> Session:
    """The header of a session that is not deleted. Raises SessionNotFoundError, SessionDeletedError."""
    session = header(user_id, session_id)
    if session.status is Status.DELETED:
        raise SessionDeletedError()
    return session


def ready(user_id: str, session_id: str) -> Session:
    """The header of a session that takes turns. Raises as `existing` does, and SessionArchivedError."""
    session = existing(user_id, session_id)
    if session.status is Status.ARCHIVED:
        raise SessionArchivedError()
    return session


def load_details(sessions: list[Session], names: Sequence[str] = LONG) -> None:
    """Fill in the settings that lie in details, in one batch; costs nothing where none of `names` does."""
    missing = {
        Details.KEY.of(one.user_id, one.session_id): one
        for one in sessions
        if any(getattr(one, name) is None for name in names)
    }
    for details in fetch(Details, missing):
        session = missing[details.pk, details.sk]
        for name in LONG:
            if getattr(session, name) is None:
                setattr(session, name, getattr(details, name))
