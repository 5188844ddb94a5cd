"""The guard of a namespace: an item that names the head, where writers have to agree on it."""

from typing import Any

from chatkeep.checkpoint_items import keys
from chatkeep.checkpoint_items.requests import Item
from chatkeep.checkpoint_items.table import OWNER
from chatkeep.checkpointer import finding
from chatkeep.checkpointer.checkpoint import NewCheckpoint
from chatkeep.checkpointer.items import ItemMaker
from chatkeep.checkpointer.storage import Storage
from chatkeep.errors import ConcurrentWriteError
from chatkeep.retrying import attempts

HEAD = "n"  # the attribute with the id of the namespace's head
_GUARD_ATTEMPTS = 3


def guard_update(
    maker: ItemMaker, table: str, checkpoint_id: str, seen: str | None, owner: str | None = None
) -> dict[str, Any]:
    """A transaction's member that moves the head of a namespace from `seen`, or from nothing, to a checkpoint.

    It marks the head as `owner`'s, who stays it when others move the head.
    """
    values = {":new": {"S": checkpoint_id}}
    changes = f"SET {HEAD} = :new"
    if owner is not None:
        changes += f", {OWNER} = :owner"
        values[":owner"] = {"S": owner}
    unmoved = f"attribute_not_exists({HEAD})"
    if seen:
        unmoved = f"{HEAD} = :seen"
        values[":seen"] = {"S": seen}
    update: dict[str, Any] = {
        "TableName": table,
        "Key": keys.primary(maker.thread_id, keys.guard(maker.namespace)),
        "UpdateExpression": changes,
        "ConditionExpression": f"{unmoved} OR {HEAD} = :new",  # the latter when a request is sent twice
        "ExpressionAttributeValues": values,
    }
    return {"Update": update}


def put_as_head(storage: Storage, maker: ItemMaker, header: Item, new: NewCheckpoint) -> None:
    """Put a header in one transaction with the guard. Raises ConcurrentWriteError unless its parent is the head."""
    seen = new.parent_id or stale_guard(storage, maker, None)
    for _ in attempts(_GUARD_ATTEMPTS):
        members = [
            {"Put": {"TableName": storage.table, "Item": header}},
            guard_update(maker, storage.table, new.checkpoint_id, seen),
        ]
        try:
            storage.client.transact_write_items(TransactItems=members)
        except storage.client.exceptions.TransactionCanceledException:
            # The guard may be stale: from a time when the option was off, or because its checkpoint was deleted.
            seen = stale_guard(storage, maker, new.parent_id)
        else:
            return
    raise ConcurrentWriteError(f"other writers keep writing to thread {maker.thread_id}")


def stale_guard(storage: Storage, maker: ItemMaker, parent_id: str | None) -> str | None:
    """The guard's head, stale though `parent_id` is the head. Raises ConcurrentWriteError where that is not."""
    place = keys.primary(maker.thread_id, keys.guard(maker.namespace))
    # The guard first: whoever becomes the head after that changes it too, and then the caller's condition fails.
    guard = storage.client.get_item(TableName=storage.table, Key=place, ConsistentRead=True)
    head = finding.newest(storage.client, storage.table, maker.thread_id, maker.namespace)
    if (head and head.checkpoint_id) != (parent_id or None):
        raise ConcurrentWriteError(f"{parent_id} is not the head of thread {maker.thread_id} any more")
    seen: str | None = guard.get("Item", {}).get(HEAD, {}).get("S")
    return seen
