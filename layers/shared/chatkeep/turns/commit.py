"""A turn's one transaction: checkpoint, messages, record, counters and the end of the lease, or none of it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from chatkeep import counters, sessions
from chatkeep.activity import touch, unmoved
from chatkeep.clock import now
from chatkeep.errors import ConcurrentWriteError, LeaseLostError
from chatkeep.models.message import Message
from chatkeep.models.session import Session
from chatkeep.models.turn import Turn
from chatkeep.transaction import Transaction
from chatkeep.turns import lease

MOST_ITEMS = 100
MOST_BYTES = 4 * 1024 * 1024 - 64 * 1024
"""DynamoDB's limits of a transaction, less room for the items' own overhead:
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html#limits-dynamodb-transactions"""
ATTEMPTS = 5


class CheckpointWrites(Protocol):
    """What a staged checkpoint puts: `heads` make it visible, `payload` is worth nothing without them."""

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
    """The turn is stored already, by a repetition of its request or by an attempt whose answer was lost."""


class _MovedError(Exception):
    """The lease, the pin or the session's state is not as it was at the start."""


def commit(session: Session, turn: Turn, messages: list[Message], checkpoint: CheckpointWrites) -> None:
    """Store the turn and end the lease that `session` was acquired with.

    Raises LeaseLostError or SessionDeletedError where the session is no longer this turn's, and TurnRecordedError;
    then nothing is stored.
    """
    payload = _ahead(session, messages, checkpoint)
    for _ in range(ATTEMPTS):
        try:
            return _store(session, turn, messages, [*payload, *checkpoint.heads])
        except _MovedError:
            session = _still_held(session)
    raise LeaseLostError(f"session {session.session_id} kept changing while turn {turn.turn_id} was stored")


def _store(session: Session, turn: Turn, messages: list[Message], writes: list[dict[str, Any]]) -> None:
    at = now()
    with Transaction() as transaction:
        transaction.put(turn, condition=Turn.sk.does_not_exist(), otherwise=TurnRecordedError())
        transaction.change(
            session,
            *touch(session, at),
            *lease.giving_up(),
            *counters.session_additions(turn),
            *_latest(messages),
            # The place in the list is made of the pin and the state, which may change while the turn runs.
            condition=lease.held(session) & unmoved(session),
            otherwise=_MovedError(),
        )
        for message in messages:
            transaction.put(message)
        for write in writes:
            transaction.add(write, otherwise=ConcurrentWriteError("the thread was written to by somebody else"))
        counters.add_to_user(transaction, session.user_id, turn, at)


def _ahead(session: Session, messages: list[Message], checkpoint: CheckpointWrites) -> list[dict[str, Any]]:
    """Store what does not fit in the turn's own transaction, while the lease holds, and return the payload that does.

    Nothing reads a payload that no head names, so that a turn which dies here leaves nothing to be seen.
    """
    room = MOST_ITEMS - 4 - len(messages) - len(checkpoint.heads)
    bytes_left = MOST_BYTES - sum(map(_size, checkpoint.heads)) - sum(len(one.content.encode()) for one in messages)
    payload = list(checkpoint.payload)
    if len(payload) <= room and sum(map(_size, payload)) <= bytes_left:
        return payload
    for batch in _batches(payload):
        with Transaction() as transaction:
            lost = LeaseLostError(f"turn {session.lease_turn_id} no longer holds the session")
            transaction.check(Session, (session.pk, session.sk), lease.held(session), lost)
            for write in batch:
                transaction.add(write, otherwise=ConcurrentWriteError("the thread was written to by somebody else"))
    return []


def _batches(writes: list[dict[str, Any]]) -> Iterable[list[dict[str, Any]]]:
    batch: list[dict[str, Any]] = []
    size = 0
    for write in writes:
        if batch and (len(batch) == MOST_ITEMS - 1 or size + _size(write) > MOST_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(write)
        size += _size(write)
    if batch:
        yield batch


def _size(member: dict[str, Any]) -> int:
    """About the bytes that DynamoDB counts; an update's values weigh as much as the item they make."""
    (write,) = member.values()
    values = write.get("Item") or write.get("ExpressionAttributeValues", {})
    return sum(len(name) + _bytes(value) for name, value in values.items())


def _bytes(value: Any) -> int:
    if isinstance(value, dict):
        return sum(len(name) + _bytes(member) for name, member in value.items())
    if isinstance(value, list):
        return sum(map(_bytes, value))
    return len(value) if isinstance(value, str | bytes) else 1


def _still_held(session: Session) -> Session:
    present = sessions.existing(session.user_id, session.session_id)
    if (present.lease_turn_id, present.lease_fence) != (session.lease_turn_id, session.lease_fence):
        raise LeaseLostError(f"turn {session.lease_turn_id} no longer holds the session")
    return present


def _latest(messages: list[Message]) -> list[Any]:
    if not messages:
        return []
    return [
        Session.last_message_at.set(messages[-1].created_at),
        Session.last_message_id.set(messages[-1].message_id),
    ]
