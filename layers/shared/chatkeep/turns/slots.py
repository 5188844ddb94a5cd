"""A user's slots: how many requests for turns, running or waiting, a user has at once over all sessions.

A slot is a member of a set on the user's totals. Taking it is one conditional update, so the count is exact even when
many try at once. Giving it back costs nothing where the turn is stored, as that transaction changes the totals anyway.
The slot of a request that died stops counting when its function would have ended, or when its lease is taken over.
"""

from pynamodb.expressions.condition import Condition, size
from pynamodb.expressions.update import Action

from chatkeep.clock import milliseconds, now
from chatkeep.dynamodb.errors import STORAGE_ERRORS
from chatkeep.dynamodb.transaction import update_if
from chatkeep.errors import SessionNotFoundError, TooManyTurnsError
from chatkeep.models.session import Session
from chatkeep.models.totals import Totals
from chatkeep.retrying import attempts
from chatkeep.telemetry import logger
from chatkeep.turns.lease import UNTIL, Sender

ATTEMPTS = 8


def take(sender: Sender, limit: int) -> None:
    """Take a slot for `sender`, who may have it already.

    Costs one request and 1 WCU where there is room. Raises TooManyTurnsError while `limit` slots are taken, and
    SessionNotFoundError where the user was erased meanwhile.
    """
    try:
        _take(sender.user_id, sender.owner, limit)
    except STORAGE_ERRORS:  # it may be taken all the same
        release(sender)
        raise


def giving_back(sender: Sender) -> Action:
    """The action on the user's totals that gives back the sender's slot."""
    return Totals.slots.delete({sender.owner})


def release(sender: Sender) -> None:
    """Give back the sender's slot, or leave it to expire where the storage does not answer."""
    _release(sender.user_id, sender.owner)


def release_of_dead(session: Session) -> None:
    """Give back the slot of the turn whose expired lease on `session` was taken over, if it still counts."""
    if session.lease_former and _expires_at(session.lease_former) >= milliseconds(now()):
        _release(session.user_id, session.lease_former)


def _release(user_id: str, slot: str) -> None:
    try:
        update_if(Totals(user_id), [Totals.slots.delete({slot})], Totals.slots.contains(slot))
    except STORAGE_ERRORS:
        logger.warning("a user's slot was not given back; it expires by itself", exc_info=True)


def _take(user_id: str, wanted: str, limit: int) -> None:
    free = Totals.slots.does_not_exist() | (size(Totals.slots) < limit)
    room: Condition = Totals.sk.exists() & free  # else an erased user would get totals again
    for _ in attempts(ATTEMPTS):
        if update_if(Totals(user_id), [Totals.slots.add({wanted})], room):
            return
        taken = _taken(user_id)
        if taken is None:
            raise SessionNotFoundError
        if wanted in taken:  # by this very update, whose first answer was lost
            return
        dead = {one for one in taken if _expires_at(one) < milliseconds(now())}
        if len(taken - dead) >= limit:
            break
        if dead:
            update_if(Totals(user_id), [Totals.slots.delete(dead)], Totals.slots.exists())
    raise TooManyTurnsError(limit)


def _taken(user_id: str) -> set[str] | None:
    """None for a user without totals, who has no sessions either."""
    totals = Totals.find(user_id)
    return set(totals.slots or ()) if totals else None


def _expires_at(taken: str) -> int:
    return int(taken.rpartition(UNTIL)[2])
