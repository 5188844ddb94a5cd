"""What is due now, by its keys alone."""

from collections.abc import Iterator

from chatkeep.clock import milliseconds, now
from chatkeep.models.due import SHARDS, DueIndex
from chatkeep.models.session import Session

Keys = tuple[str, str]

MOST_OF_A_SHARD = 5_000
"""So that a sweep gets through them, however much has come due at once."""


def now_due() -> Iterator[Keys]:
    """The keys of everything that is due: leases that have expired, timers, jobs; one Query per shard and page.

    The index lags behind the table: whoever comes for an item looks at it first.
    """
    return (keys for keys, _ in waiting())


def waiting() -> Iterator[tuple[Keys, float]]:
    """What is due now, each with the seconds that it has been due for; of each shard at most `MOST_OF_A_SHARD`."""
    moment = milliseconds(now())
    for shard in range(SHARDS):
        for item in Session.due.query(str(shard), DueIndex.due_at <= moment, limit=MOST_OF_A_SHARD):
            yield (item.pk, item.sk), (moment - item.lease_expires_at) / 1_000
