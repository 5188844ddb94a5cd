"""The writes that do not fit into a turn's transaction: stored ahead of it, unseen until it commits.

Nobody reads a payload or a part to which nothing refers, or a message newer than the session's last. If a turn dies
here, the next one removes its leftovers, so that they do not become visible with that turn's messages.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from pynamodb.exceptions import TransactWriteError

from chatkeep.dynamodb.connection import remove
from chatkeep.dynamodb.transaction import Transaction, invalid
from chatkeep.errors import ConcurrentWriteError, LeaseLostError, TurnTooLargeError
from chatkeep.models.keys import LAST
from chatkeep.models.message import Message
from chatkeep.models.part import Part
from chatkeep.models.session import Session
from chatkeep.turns import lease

MOST_ITEMS = 100
OWN_ITEMS = 4
"""The turn's record, the session, the user's totals and the day."""
MOST_BYTES = 4 * 1024 * 1024 - 64 * 1024
"""DynamoDB's limits of a transaction, less room for the items' own overhead:
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html#limits-dynamodb-transactions"""

MOST_ITEM_BYTES = 400 * 1024

Writes = list[dict[str, Any]]


def store(session: Session, writes: Writes, heads: Sequence[dict[str, Any]]) -> Writes:
    """Store as many of the first `writes` as do not fit into a transaction with `heads`, and return the others.

    Raises LeaseLostError where `session` is no longer held, TurnTooLargeError where no transaction takes `heads` or no
    item one of the writes; then nothing is stored.
    """
    room, bytes_left = MOST_ITEMS - OWN_ITEMS - len(heads), MOST_BYTES - sum(map(size, heads))
    if room < 0 or bytes_left < 0:
        limits = f"{MOST_ITEMS - OWN_ITEMS} items and {MOST_BYTES:,} bytes"
        raise TurnTooLargeError(
            f"the thread's last transaction may have {limits}, not {len(heads)} and {MOST_BYTES - bytes_left:,}"
        )
    if (largest := max(map(size, [*writes, *heads]), default=0)) > MOST_ITEM_BYTES:
        raise TurnTooLargeError(f"an item may have {MOST_ITEM_BYTES:,} bytes, not {largest:,}")
    first = len(writes)
    while first and room and bytes_left >= size(writes[first - 1]):
        first, room, bytes_left = first - 1, room - 1, bytes_left - size(writes[first - 1])
    for batch in _batches(writes[:first]):
        with Transaction() as transaction:
            lost = LeaseLostError(f"turn {session.lease_turn_id} no longer holds the session")
            transaction.change(session, Session.written_ahead.set(True), condition=lease.held(session), otherwise=lost)
            for write in batch:
                transaction.add(write, otherwise=ConcurrentWriteError("the thread was written to by somebody else"))
    return writes[first:]


@contextmanager
def limits_named() -> Iterator[None]:
    """Raise TurnTooLargeError where DynamoDB refuses a transaction over its limits."""
    try:
        yield
    except TransactWriteError as error:
        if invalid(error):
            raise TurnTooLargeError(str(error.cause_response_message or error)) from error
        raise


def clear(session: Session) -> None:
    """Remove the messages and parts that a turn which died has stored ahead; `session`'s lease must be held."""
    if not session.written_ahead:
        return
    newer = f"{session.last_message_id}{LAST}" if session.last_message_id else ""  # after the last one's own parts
    for model in (Message, Part):
        remove(model, model.among(session.user_id, session.session_id, first=newer))


def size(member: dict[str, Any]) -> int:
    """Roughly the bytes that DynamoDB counts; an update's values weigh as much as the resulting item."""
    (write,) = member.values()
    values = write.get("Item") or write.get("ExpressionAttributeValues", {})
    return sum(len(name) + _bytes(value) for name, value in values.items())


def _bytes(value: Any) -> int:
    if isinstance(value, dict):
        return sum(len(name) + _bytes(member) for name, member in value.items())
    if isinstance(value, list):
        return sum(map(_bytes, value))
    return len(value.encode()) if isinstance(value, str) else len(value) if isinstance(value, bytes) else 1


def _batches(writes: Writes) -> Iterator[Writes]:
    batch: Writes = []
    bytes_left = MOST_BYTES
    for write in writes:
        if batch and (len(batch) == MOST_ITEMS - 1 or bytes_left < size(write)):
            yield batch
            batch, bytes_left = [], MOST_BYTES
        batch.append(write)
        bytes_left -= size(write)
    if batch:
        yield batch
