"""Batches of items: as many as DynamoDB takes at once, and those again that it has left unprocessed."""

from collections.abc import Callable, Iterable
from itertools import islice
from typing import TypeVar

from chatkeep.errors import StorageUnavailableError
from chatkeep.retrying import pause

Item = TypeVar("Item")

READS = 100
WRITES = 25
"""The most items of a BatchGetItem and of a BatchWriteItem."""
STALLS = 10
LONGEST_PAUSE_SECONDS = 2.0


def send_all(send: Callable[[list[Item]], list[Item]], items: Iterable[Item], size: int) -> None:
    """Send the items in batches of `size`, and again those that `send` returns as unprocessed, until none are left.

    Raises StorageUnavailableError where nothing of a batch has been taken `STALLS` times, or at the deadline.
    """
    iterator = iter(items)
    while batch := list(islice(iterator, size)):
        _until_processed(send, batch)


def _until_processed(send: Callable[[list[Item]], list[Item]], pending: list[Item]) -> None:
    stalls = 0
    while left := send(pending):
        # A large answer comes in several rounds, which is progress and not throttling.
        stalls = 0 if len(left) < len(pending) else stalls + 1
        if stalls >= STALLS or (stalls and not pause(stalls, longest=LONGEST_PAUSE_SECONDS)):
            raise StorageUnavailableError(f"DynamoDB left {len(left)} items unprocessed {stalls} times")
        pending = left
