"""An orphan that the scan suspects, and the condition of its repair."""

from collections.abc import Callable
from dataclasses import dataclass

from pynamodb.expressions.condition import Condition

from chatkeep.dynamodb.transaction import as_read
from chatkeep.jobs.due import Keys
from chatkeep.models.table import SessionsTable

Repair = Callable[[], list[Keys] | None]
"""Looks again, consistently, and repairs. Returns the jobs that are to be carried out now; None, or raises MovedError,
where there is no such orphan, any more or at all. It stores something only while the items are as it has read them, and
in a transaction, so that one which is carried out and not answered is told from one that came too late."""


@dataclass(frozen=True)
class Orphan:
    """`kind` and `ids`, as they are stored, are told to the operator."""

    kind: str
    ids: dict[str, str]
    repair: Repair


def same(item: SessionsTable, name: str, *names: str) -> Condition:
    """The stored item has these attributes as `item` was read with them."""
    condition = as_read(getattr(type(item), name), getattr(item, name))
    return condition & same(item, *names) if names else condition


def still(item: SessionsTable, *names: str) -> Condition:
    """The same, and the item is still there: an update would make one of a few attributes."""
    condition: Condition = type(item).sk.exists() & same(item, *names)
    return condition
