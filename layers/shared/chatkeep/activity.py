"""A session's place in the list of activity, moved together with what it is made of."""

import random
import time
from collections.abc import Callable
from datetime import datetime
from typing import TypeVar

from pynamodb.expressions.condition import Condition
from pynamodb.expressions.update import Action

from chatkeep import sessions
from chatkeep.clock import stamp
from chatkeep.errors import SessionChangedError
from chatkeep.models.session import Session

Result = TypeVar("Result")

ATTEMPTS = 8


def touch(session: Session, at: datetime) -> list[Action]:
    """Make `at` the session's last change; `session`'s state decides its place and must still hold: see `unmoved`."""
    session.updated_at = stamp(at)
    session.place_in_list()
    return [
        Session.updated_at.set(session.updated_at),
        Session.list_pk.set(session.list_pk),
        Session.list_sk.set(session.list_sk),
    ]


def unmoved(session: Session) -> Condition:
    """The session exists, is not deleted, and has the pin and the archive state that `session` was read with."""
    exists = Session.sk.exists()  # an update would create a session that was purged meanwhile
    not_deleted = Session.deleted_at.does_not_exist()
    same_pin: Condition = Session.is_pinned == session.is_pinned
    same_archive: Condition = Session.is_archived == session.is_archived
    condition: Condition = exists & not_deleted & same_pin & same_archive
    return condition


class MovedError(Exception):
    """The session's pin or state is no longer what it was read as: read it again."""


def until_unmoved(user_id: str, session_id: str, change: Callable[[Session], Result]) -> Result:
    """What `change` makes of the session's header, tried again with a fresh one each time it raises MovedError.

    Raises SessionNotFoundError, SessionDeletedError, and SessionChangedError after `ATTEMPTS`.
    """
    for attempt in range(ATTEMPTS):
        try:
            return change(sessions.existing(user_id, session_id))
        except MovedError:
            time.sleep(random.uniform(0, 0.02 * 2**attempt))  # noqa: S311
    raise SessionChangedError(session_id)
