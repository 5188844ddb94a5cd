"""A user's numbers of sessions by their status."""

from pynamodb.attributes import Attribute

from chatkeep.dynamodb.transaction import Transaction
from chatkeep.models.session import Status
from chatkeep.models.totals import Totals

COUNTS: dict[Status, Attribute[float]] = {
    Status.ACTIVE: Totals.active_sessions,
    Status.ARCHIVED: Totals.archived_sessions,
    Status.DELETED: Totals.deleted_sessions,
}


def move(transaction: Transaction, user_id: str, before: Status, after: Status) -> None:
    """Count a session of the user in another status than before."""
    if before is not after:
        transaction.change(Totals(user_id), COUNTS[before].add(-1), COUNTS[after].add(1))
