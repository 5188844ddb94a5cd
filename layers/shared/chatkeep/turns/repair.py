"""Repair of sessions whose turn died and whom nobody returns to.

A turn makes its checkpoint, messages and counters visible in one transaction, so that a dead one has left nothing to
roll forward or back: only its lease remains, and senders that died while they waited.
"""

from collections.abc import Iterable
from itertools import takewhile

from chatkeep import deadline, sessions
from chatkeep.dynamodb.errors import STORAGE_ERRORS
from chatkeep.errors import LaterFormatError, SessionNotFoundError
from chatkeep.jobs.due import Keys
from chatkeep.models.session import Session
from chatkeep.telemetry import logger
from chatkeep.turns import lease, queue, slots


def end_leases(due: Iterable[Keys]) -> int:
    """End every lease among what is due, and return how many there were; at the deadline, leave the others."""
    headers = ((pk, sk) for pk, sk in due if Session.KEY.matches(pk, sk))
    return sum(end_lease(**Session.KEY.read(pk, sk)) for pk, sk in takewhile(_in_time, headers))


def _in_time(_: Keys) -> bool:
    return deadline.current().seconds_left() > 0


def end_lease(user_id: str, session_id: str) -> bool:
    """End the session's lease if it has expired, and say whether it had. Costs a GetItem and two updates."""
    try:
        session = queue.without_dead(sessions.header(user_id, session_id))
        if session.lease_turn_id is None or lease.running_turn(session) is not None:
            return False
        slots.release(lease.holder(session))
        return lease.release(session)
    except SessionNotFoundError:  # it is gone, and the index lags behind
        return False
    except (*STORAGE_ERRORS, LaterFormatError):
        logger.warning("a lease was not ended; the next sweep tries again", exc_info=True)
        return False
