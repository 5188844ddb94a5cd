"""The index of all that is due at a time: leases by the time they end, jobs and timers by the time to carry them out.

An item without the two attributes is not in it. Keys alone are there, and who comes for an item reads it.
"""

import hashlib
from typing import Any

from pynamodb.attributes import NumberAttribute, UnicodeAttribute
from pynamodb.indexes import GlobalSecondaryIndex, KeysOnlyProjection

SHARDS = 8
"""Spreads the index over as many partitions: 1,000 writes per second each."""


class DueIndex(GlobalSecondaryIndex[Any]):
    """`due_at` is in milliseconds since the epoch."""

    class Meta:
        index_name = "DueIndex"
        projection = KeysOnlyProjection()

    due_shard = UnicodeAttribute(hash_key=True)
    due_at = NumberAttribute(range_key=True)


def shard(name: str) -> str:
    """The partition of the index that an item with this id is in."""
    return str(hashlib.sha256(name.encode()).digest()[0] % SHARDS)
