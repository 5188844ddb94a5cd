"""Deleting many items at a rate that leaves the table's capacity to those who chat, and only while there is time."""

import time
from typing import Any

from chatkeep import deadline, retrying
from chatkeep.dynamodb import batches
from chatkeep.dynamodb.connection import shared

UNITS_PER_SECOND = 500
"""Half of what one partition of DynamoDB takes:
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/bp-partition-key-design.html"""
LEAST_SECONDS = 5.0
"""With less left nothing more is begun, so that an attempt can store how far it has got."""

Item = dict[str, Any]


class OutOfTimeError(Exception):
    """The function's time is over; what is left is for the next attempt."""


def check_time(pause: float = 0.0) -> None:
    """Raises OutOfTimeError where there is no time for more after a pause of so many seconds."""
    if deadline.current().storage_seconds_left() - pause < LEAST_SECONDS:
        raise OutOfTimeError


class Rate:
    """At most so many capacity units a second, averaged over what was used."""

    def __init__(self, units_per_second: float) -> None:
        self._units_per_second = units_per_second
        self._free_at = time.monotonic()

    def wait(self) -> None:
        """Sleep until more may be used. Raises OutOfTimeError where there is no time for that and for more."""
        seconds = max(0.0, self._free_at - time.monotonic())
        check_time(seconds)
        if seconds:
            retrying.sleep(seconds)

    def use(self, units: float) -> None:
        self._free_at = max(self._free_at, time.monotonic()) + units / self._units_per_second


class Pace:
    """At most so many write capacity units a second, averaged over what was sent with it; `deleted` counts the items.

    Keys come in pages of 1 MB of items, so that a batch takes the units of little more than two seconds at most.
    """

    def __init__(self, units_per_second: float = UNITS_PER_SECOND) -> None:
        self.deleted = 0
        self._rate = Rate(units_per_second)

    def delete(self, table: str, items: list[Item]) -> None:
        """Delete the items with these keys; one that is gone is no error.

        Raises OutOfTimeError, StorageUnavailableError.
        """

        def send(pending: list[Item]) -> list[Item]:
            self._rate.wait()
            answer = shared().client.batch_write_item(RequestItems={table: pending}, ReturnConsumedCapacity="TOTAL")
            self._rate.use(sum(one["CapacityUnits"] for one in answer.get("ConsumedCapacity", [])))
            left = list(answer.get("UnprocessedItems", {}).get(table, []))
            self.deleted += len(pending) - len(left)
            return left

        keys = ({"DeleteRequest": {"Key": {"pk": item["pk"], "sk": item["sk"]}}} for item in items)
        batches.send_all(send, keys, batches.WRITES)
