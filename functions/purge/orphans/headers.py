"""Headers that no list shows in the right place, and leases that no sweep finds."""

from collections.abc import Iterator
from datetime import timedelta
from functools import partial

from pynamodb.expressions.update import Action

from chatkeep.clock import milliseconds, now
from chatkeep.dynamodb.transaction import Transaction
from chatkeep.jobs.due import Keys
from chatkeep.models import due
from chatkeep.models.session import Session
from chatkeep.sessions.activity import MovedError
from functions.purge.orphans.orphan import Orphan, still

LONGEST_TURN = timedelta(minutes=15)
"""The longest that Lambda lets a function run: a lease without its end may be a turn's that runs."""
ATTRIBUTES = (
    "place", "is_pinned", "is_archived", "is_temporary", "updated_at", "deleted_at", "purge_at", "expire_after_days",
    "deletion_id", "lease_turn_id", "lease_expires_at", "lease_shard",
)  # fmt: skip
"""Those of a header that tell whether something is wrong with it."""


def orphans(session: Session) -> Iterator[Orphan]:
    """What may be wrong with the header, seen by itself."""
    ids = {"user_id": session.user_id, "session_id": session.session_id}
    if session.place != _place(session):
        yield Orphan("header out of its place", ids, partial(_put_in_place, **ids))
    if _lease(session):
        yield Orphan("lease without its time", ids, partial(_set_lease, **ids))


def _place(session: Session) -> str | None:
    """The place in the list that a header in this state has."""
    return None if session.deletion_id is not None else session.place_at(session.updated_at)


def _put_in_place(user_id: str, session_id: str) -> list[Keys] | None:
    """Raises MovedError."""
    session = Session.find(user_id, session_id)
    if session is None or session.place == (place := _place(session)):
        return None
    action = Session.place.remove() if place is None else Session.place.set(place)
    made_of = ("place", "is_pinned", "is_archived", "is_temporary", "updated_at", "deleted_at", "deletion_id")
    with Transaction() as transaction:
        transaction.change(session, action, condition=still(session, *made_of), otherwise=MovedError())
    return []


def _lease(session: Session) -> list[Action]:
    """The actions that have a lease found when it has expired, and nothing else; none where that is so."""
    timed = (session.lease_expires_at is not None, session.lease_shard is not None)
    if session.lease_turn_id is None:
        return [Session.lease_expires_at.remove(), Session.lease_shard.remove()] if any(timed) else []
    if all(timed):
        return []
    expires_at = session.lease_expires_at or milliseconds(now() + LONGEST_TURN)
    return [Session.lease_expires_at.set(expires_at), Session.lease_shard.set(due.shard(session.session_id))]


def _set_lease(user_id: str, session_id: str) -> list[Keys] | None:
    """Raises MovedError."""
    session = Session.find(user_id, session_id)
    if session is None or not (actions := _lease(session)):
        return None
    as_read = still(session, "lease_turn_id", "lease_fence", "lease_expires_at", "lease_shard")
    with Transaction() as transaction:
        transaction.change(session, *actions, condition=as_read, otherwise=MovedError())
    return []
