"""Sending what a put needs in the order that keeps every visible checkpoint whole."""

from collections.abc import Sequence
from functools import partial
from typing import Any

from botocore.exceptions import ClientError

from chatkeep.checkpoint_items import keys
from chatkeep.checkpoint_items.requests import Item, key, put_all
from chatkeep.checkpoint_items.table import DATA
from chatkeep.checkpointer import heads
from chatkeep.checkpointer.planning import Plan, plan
from chatkeep.checkpointer.shelf import Writer
from chatkeep.checkpointer.side_by_side import side_by_side
from chatkeep.checkpointer.snapshot import Known, Snapshot
from chatkeep.checkpointer.source import Source
from chatkeep.checkpointer.writes import Update, Write, updates
from chatkeep.errors import ConcurrentWriteError
from chatkeep.retrying import attempts

HEAD = "n"  # of the guard's item: the id of the namespace's head
FREE = "attribute_not_exists(pk)"
_GUARD_ATTEMPTS = 3


def commit(
    source: Source,
    writer: Writer,
    snapshot: Snapshot,
    parent: Known | None,
    writes: Sequence[Write],
    *,
    guarded: bool,
) -> Plan:
    """Store a snapshot on top of its parent, which has these writes.

    With `guarded`, raises ConcurrentWriteError unless the parent is the head.
    """
    planned = plan(writer, snapshot, parent, snapshot.parent_id, writes)
    if not _store(source, planned):
        planned = plan(writer, snapshot, parent, snapshot.parent_id, writes, fresh=True)
        _store(source, planned)
    if guarded:
        _put_as_head(source, writer, planned, snapshot)
    else:
        source.client.put_item(TableName=source.table, Item=planned.header)
    return planned


def _store(source: Source, planned: Plan) -> bool:
    """Put what the header refers to; says whether each claimed key was free."""
    jobs = [partial(_claim, source, item) for item in planned.claims]
    if planned.payload:
        jobs.append(partial(_put, source, planned.payload))
    return all(side_by_side(source.pool, jobs))


def _put(source: Source, items: list[Item]) -> bool:
    if len(items) == 1:
        source.client.put_item(TableName=source.table, Item=items[0])
    else:
        put_all(source.client, source.table, items)
    return True


def _claim(source: Source, item: Item) -> bool:
    """Put a row that continues a generation, unless another branch did so before; the same row is ours, put twice."""
    try:
        source.client.put_item(
            TableName=source.table,
            Item=item,
            ConditionExpression=FREE,
            ReturnValuesOnConditionCheckFailure="ALL_OLD",
        )
    except ClientError as error:
        if error.response["Error"]["Code"] != "ConditionalCheckFailedException":
            raise
        there = error.response.get("Item", {})
        return bool(there.get(DATA) == item[DATA])
    return True


def guard_update(writer: Writer, table: str, checkpoint_id: str, seen: str | None) -> dict[str, Any]:
    """A transaction's member that moves the head of a namespace from `seen`, or from nothing, to a checkpoint."""
    values = {":new": {"S": checkpoint_id}}
    unmoved = f"attribute_not_exists({HEAD})"
    if seen:
        unmoved = f"{HEAD} = :seen"
        values[":seen"] = {"S": seen}
    update: dict[str, Any] = {
        "TableName": table,
        "Key": key(writer.thread_id, keys.guard(writer.namespace)),
        "UpdateExpression": f"SET {HEAD} = :new",
        "ConditionExpression": f"{unmoved} OR {HEAD} = :new",  # the latter when a request is sent twice
        "ExpressionAttributeValues": values,
    }
    return {"Update": update}


def _put_as_head(source: Source, writer: Writer, planned: Plan, snapshot: Snapshot) -> None:
    seen = snapshot.parent_id or stale_guard(source, writer, None)
    for _ in attempts(_GUARD_ATTEMPTS):
        members = [
            {"Put": {"TableName": source.table, "Item": planned.header}},
            guard_update(writer, source.table, snapshot.checkpoint_id, seen),
        ]
        try:
            source.client.transact_write_items(TransactItems=members)
        except source.client.exceptions.TransactionCanceledException:
            # The guard may be stale: from a time when the option was off, or because its checkpoint was deleted.
            seen = stale_guard(source, writer, snapshot.parent_id)
        else:
            return
    raise ConcurrentWriteError(f"other writers keep writing to thread {writer.thread_id}")


def stale_guard(source: Source, writer: Writer, parent_id: str | None) -> str | None:
    """What the guard has for the head although `parent_id` is it. Raises ConcurrentWriteError if that is not."""
    place = key(writer.thread_id, keys.guard(writer.namespace))
    # The guard first: whoever becomes the head after that changes it too, and then the caller's condition fails.
    guard = source.client.get_item(TableName=source.table, Key=place, ConsistentRead=True)
    head = heads.newest(source.client, source.table, writer.thread_id, writer.namespace)
    if (head and head.checkpoint_id) != (parent_id or None):
        raise ConcurrentWriteError(f"{parent_id} is not the head of thread {writer.thread_id} any more")
    seen: str | None = guard.get("Item", {}).get(HEAD, {}).get("S")
    return seen


def update(source: Source, writer: Writer, checkpoint_id: str, writes: list[Write]) -> None:
    """Store pending writes, the payload of large ones first."""
    jobs = [partial(_update, source, one) for one in updates(writer, checkpoint_id, writes)]
    side_by_side(source.pool, jobs)


def _update(source: Source, one: Update) -> None:
    put_all(source.client, source.table, one.payload)
    source.client.update_item(**one.request(source.table))
