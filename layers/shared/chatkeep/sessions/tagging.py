"""Adding and removing one tag, whoever changes the others meanwhile."""

from chatkeep import sessions
from chatkeep.dynamodb.transaction import Transaction, as_read
from chatkeep.errors import TooManyTagsError
from chatkeep.models.details import Details
from chatkeep.models.session import Session
from chatkeep.sessions import placing
from chatkeep.sessions.activity import MovedError, touch, unmoved, until_unmoved

MOST_TAGS = 20


def add(user_id: str, session_id: str, tag: str) -> None:
    """Have the session carry the tag. Raises TooManyTagsError, and what `activity.until_unmoved` does."""
    until_unmoved(user_id, session_id, lambda session, at: _set(session, at, tag, present=True))


def remove(user_id: str, session_id: str, tag: str) -> None:
    """Have the session not carry the tag. Raises what `activity.until_unmoved` does."""
    until_unmoved(user_id, session_id, lambda session, at: _set(session, at, tag, present=False))


def _set(session: Session, at: str, tag: str, present: bool) -> None:
    lies = Session if session.tags is not None else Details
    sessions.load_details([session], ["tags"])
    stored, before = session.tags, list(session.tags or [])
    if (tag in before) is present:
        return
    tags = [*before, tag] if present else [one for one in before if one != tag]
    if len(tags) > MOST_TAGS:
        raise TooManyTagsError(MOST_TAGS)
    outside = placing.apart({"tags": tags}, placing.room_in(session, ["tags"]))
    moves, not_later = touch(session, at)
    unchanged = as_read(lies.tags, stored)
    placed = Session.tags.remove() if outside else Session.tags.set(tags)
    condition = unmoved(session) & not_later
    with Transaction() as transaction:
        transaction.change(
            session,
            *moves,
            placed,
            condition=condition & unchanged if lies is Session else condition,
            otherwise=MovedError(),
        )
        if outside or lies is Details:
            transaction.change(
                Details(session.user_id, session.session_id),
                Details.tags.set(tags),
                condition=unchanged if lies is Details else None,
                otherwise=MovedError(),
            )
