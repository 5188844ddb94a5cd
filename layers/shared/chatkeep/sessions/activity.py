"""A session's place in the list of activity, moved together with the state that it is made of."""

from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta
from typing import TypeVar

from pynamodb.expressions.condition import Condition
from pynamodb.expressions.update import Action

from chatkeep import sessions
from chatkeep.clock import after, now, stamp
from chatkeep.errors import SessionChangedError
from chatkeep.models.session import Session
from chatkeep.retrying import attempts

Result = TypeVar("Result")

ATTEMPTS = 8
LONGEST_LEAD = timedelta(seconds=1)
"""How far ahead of the clock a move in the list may be dated, so that it happens at all: see `_beyond`."""


def touch(session: Session, at: str) -> tuple[list[Action], Condition]:
    """Make `at` the session's last change unless it has had a later one: the actions, and the condition they need.

    `updated_at` never goes back, whatever the clocks say and whoever writes last. `session`'s state decides its place
    in the list and must still hold: see `unmoved`. Keep `at` from one try to the next: then another's later change
    fails one try at most, as the next leaves the time alone.
    """
    stays = session.place == session.place_at(session.updated_at)
    if stays and session.updated_at >= at:
        exists: Condition = Session.sk.exists()  # and is that late for good
        return [], exists
    updated_at = at if at > session.updated_at else _beyond(session.updated_at, at)
    not_later: Condition = Session.updated_at <= updated_at
    place = session.place_at(updated_at)
    moves = [] if place is None else [Session.place.set(place)]
    return [Session.updated_at.set(updated_at), *moves], not_later


def _beyond(latest: str, at: str) -> str:
    """A time as long after `latest` as `latest` is after `at`.

    A new pin or state needs a place, and so a time, of its own. Without such a lead it would lose try after try to
    those who only touch the session.
    """
    known = datetime.fromisoformat(latest)
    return stamp(max(known, min(known + (known - datetime.fromisoformat(at)), now() + LONGEST_LEAD)))


def unmoved(session: Session) -> Condition:
    """The session exists, is not deleted, and has the pin and the archive state that `session` was read with."""
    not_deleted = Session.deleted_at.does_not_exist()
    # Of a session that was purged meanwhile this fails too: an update would create it.
    same_pin: Condition = Session.is_pinned == session.is_pinned
    same_archive: Condition = Session.is_archived == session.is_archived
    condition: Condition = not_deleted & same_pin & same_archive
    return condition


def idle(session: Session) -> Condition:
    """Nobody has changed the session, begun a turn on it or made another with its id since `session` was read."""
    same_change: Condition = Session.updated_at == session.updated_at
    same_session: Condition = Session.created_at == session.created_at
    same_fence: Condition = Session.lease_fence == session.lease_fence
    condition: Condition = same_change & same_session & same_fence
    return condition


class MovedError(Exception):
    """The session's pin, state or last change is no longer the one that was read: read it again."""


def until_unmoved(user_id: str, session_id: str, change: Callable[[Session, str], Result]) -> Result:
    """Call `change` with the session's header, again with a fresh one each time that it raises MovedError.

    The time of the change, for `touch`, is the same in all tries and later than the last change before the first.
    Raises SessionNotFoundError, SessionDeletedError, and SessionChangedError after `ATTEMPTS` or at the deadline.
    """
    at = ""
    for _ in attempts(ATTEMPTS):
        session = sessions.existing(user_id, session_id)
        at = at or after(session.updated_at, now())
        with suppress(MovedError):
            return change(session, at)
    raise SessionChangedError()
