"""Repair of sessions whose turn died and whom nobody returns to.

A turn makes its checkpoint, messages and counters visible in one transaction, so that a dead one has left nothing to
roll forward or back: only its lease remains, and senders that died while they waited.
"""

from collections.abc import Iterator
from itertools import takewhile

from chatkeep import deadline, sessions
from chatkeep.clock import milliseconds, now
from chatkeep.dynamodb.errors import STORAGE_ERRORS
from chatkeep.errors import LaterFormatError, SessionNotFoundError
from chatkeep.models.session import LEASE_SHARDS, LeasesIndex, Session
from chatkeep.telemetry import logger
from chatkeep.turns import lease, queue, slots


def sweep() -> int:
    """End every expired lease and return how many there were. Each costs a GetItem and two updates; finding
    them, one Query per shard.

    At the deadline it stops; the next sweep finds the others.
    """
    return sum(_repair(session) for session in takewhile(_in_time, _expired()))


def _in_time(_: Session) -> bool:
    return deadline.current().seconds_left() > 0


def _expired() -> Iterator[Session]:
    before = milliseconds(now())
    for shard in range(LEASE_SHARDS):
        yield from Session.leases.query(str(shard), LeasesIndex.lease_expires_at <= before)


def _repair(found: Session) -> bool:
    try:
        session = queue.without_dead(sessions.header(found.user_id, found.session_id))
        if session.lease_turn_id is None or lease.running_turn(session) is not None:
            return False
        slots.release(lease.holder(session))
        return lease.release(session)
    except SessionNotFoundError:  # the index lags behind a purge
        return False
    except (*STORAGE_ERRORS, LaterFormatError):
        logger.warning("a lease was not ended; the next sweep tries again", exc_info=True)
        return False
