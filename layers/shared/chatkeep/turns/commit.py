"""A turn's one transaction: checkpoint, messages, record, counters, the end of lease and slot, or none of it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from chatkeep.clock import after, now
from chatkeep.dynamodb.internals import put_of
from chatkeep.dynamodb.transaction import Transaction
from chatkeep.errors import ConcurrentWriteError, LeaseLostError, SessionDeletedError
from chatkeep.messages import parts
from chatkeep.messages.branches import Branches
from chatkeep.models.message import Message
from chatkeep.models.session import Session, Status
from chatkeep.models.turn import Turn, TurnStatus
from chatkeep.retrying import attempts
from chatkeep.sessions.activity import touch, unmoved
from chatkeep.turns import lease, overflow, repetition, slots
from chatkeep.turns.lease import CancelAction
from chatkeep.turns.overflow import Writes
from chatkeep.usage import counters

ATTEMPTS = 5


class CheckpointWrites(Protocol):
    """The writes of a staged checkpoint: `heads` make it visible, `payload` is worth nothing without them."""

    @property
    def payload(self) -> Sequence[dict[str, Any]]: ...
    @property
    def heads(self) -> Sequence[dict[str, Any]]: ...
    @property
    def size(self) -> int: ...


@dataclass(frozen=True)
class NoCheckpoint:
    """For a turn that leaves the thread as it is."""

    payload: tuple[()] = ()
    heads: tuple[()] = ()
    size: int = 0


class TurnRecordedError(Exception):
    """The turn has another record than the one that was read: it is stored already, by a repetition of its request or
    by an attempt whose answer was lost, or another attempt has failed."""


class RollBackRequestedError(Exception):
    """Somebody has asked for the turn's effects to be removed: only a record of its usage can be stored."""


class _MovedError(Exception):
    """The lease, the pin, the session's state or its last change is not as it was read."""


Closing = Callable[[Sequence[Message]], Writes]
"""Gives writes of the commit beside the turn's own, which is about to store these messages: puts that overwrite."""


def no_more(_: Sequence[Message]) -> Writes:
    """Of a turn that nobody follows."""
    return []


def commit(
    session: Session,
    turn: Turn,
    messages: list[Message],
    checkpoint: CheckpointWrites,
    failed: Turn | None = None,
    branches: Branches | None = None,
    more: Sequence[dict[str, Any]] = (),
) -> None:
    """Store the turn and `more`, end the lease that `session` was acquired with and give back its slot.

    The record of its attempts that `failed` is replaced by one that adds `turn`, this attempt's, to it. `branches` are
    those of the session with this turn, where it is one that begins a branch.

    Raises LeaseLostError, SessionDeletedError or SessionNotFoundError where the session is no longer this turn's,
    TurnRecordedError, RollBackRequestedError, ConcurrentWriteError, TurnTooLargeError; then nothing is stored.
    """
    with overflow.limits_named():
        heads = [*checkpoint.heads, *([put_of(branches.item(session))] if branches else []), *more]
        writes = _ahead(session, [*checkpoint.payload, *_items(messages)], heads)
        at = after(max([session.updated_at, *(one.created_at for one in messages)]), now())
        for _ in attempts(ATTEMPTS):
            try:
                return _store(session, at, turn, messages, [*writes, *heads], failed, has_branched=branches is not None)
            except _MovedError:
                session = _still_ours(session, turn)
    raise LeaseLostError(f"session {session.session_id} kept changing while turn {turn.turn_id} was stored")


def _ahead(session: Session, writes: Writes, heads: Sequence[dict[str, Any]]) -> Writes:
    """Store what does not fit into the turn's transaction, and return the rest. Raises as `commit` does."""
    try:
        return overflow.store(session, writes, heads)
    except LeaseLostError:
        lease.still_held(session)  # where the session itself is gone, that is the error
        raise


def _store(
    session: Session,
    at: str,
    turn: Turn,
    messages: list[Message],
    writes: Writes,
    failed: Turn | None,
    *,
    has_branched: bool,
) -> None:
    moves, not_later = touch(session, at)
    # The place in the list is made of the pin, the state and the last change, which move while the turn runs.
    condition = lease.held(session) & unmoved(session) & not_later
    if messages:
        condition &= lease.not_rolled_back()
    with Transaction() as transaction:
        whole, unrecorded = repetition.of_attempts(failed, turn), repetition.as_before(failed)
        transaction.put(whole, condition=unrecorded, otherwise=TurnRecordedError())
        transaction.change(
            session,
            *moves,
            *lease.giving_up(),
            *counters.session_additions(turn),
            *_latest(session, messages),
            *([Session.has_branched.set(True)] if has_branched else []),
            condition=condition,
            otherwise=_MovedError(),
        )
        for write in writes:
            transaction.add(write, otherwise=ConcurrentWriteError("the thread was written to by somebody else"))
        counters.add_to_totals(transaction, session.user_id, turn, slots.giving_back(lease.holder(session)))
        counters.add_to_day(transaction, session.user_id, turn, now(), is_new=failed is None)


def _items(messages: list[Message]) -> Writes:
    """The parts of all messages, then their own items: the last of them are the last to be written ahead."""
    split = [parts.split(message) for message in messages]
    return [*(part for _, its_parts in split for part in its_parts), *(item for item, _ in split)]


def _still_ours(session: Session, turn: Turn) -> Session:
    present = lease.still_held(session)
    if present.status is Status.DELETED:
        raise SessionDeletedError()
    if lease.requested_cancel(present) is CancelAction.ROLL_BACK and turn.status != TurnStatus.ROLLED_BACK:
        raise RollBackRequestedError
    return present


def _latest(session: Session, messages: list[Message]) -> list[Any]:
    if not messages:
        return []
    return [
        Session.last_message_at.set(max(messages[-1].created_at, session.last_message_at or "")),
        Session.last_message_id.set(messages[-1].message_id),
        Session.written_ahead.remove(),
    ]
