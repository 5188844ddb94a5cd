"""Requests to DynamoDB for many items: in pages and in batches, unprocessed ones again."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from chatkeep.checkpoint_items import keys
from chatkeep.checkpoint_items.table import PARTITION, SORT
from chatkeep.dynamodb import batches

Item = dict[str, Any]
FREE = f"attribute_not_exists({PARTITION})"
"""A condition: no item has the key."""


def query(
    client: Any,
    table: str,
    thread_id: str,
    bounds: tuple[str, str],
    *,
    newest_first: bool = False,
    limit: int = 0,
    keys_only: bool = False,
) -> Iterator[list[Item]]:
    """Pages of the items whose sort key lies within `bounds`, both included; consistent reads.

    `limit` items are read with the first page; the pages after it are as large as DynamoDB makes them.
    """
    request = _within(table, thread_id, bounds, newest_first, limit)
    if keys_only:
        request["ProjectionExpression"] = f"{PARTITION}, {SORT}"
    yield from pages(client.query, request)


def newest_page(
    client: Any, table: str, thread_id: str, bounds: tuple[str, str], limit: int = 0
) -> tuple[list[Item], bool]:
    """The last items within `bounds`, the last one first, and whether there are others before them."""
    answer = client.query(**_within(table, thread_id, bounds, True, limit))
    return answer["Items"], "LastEvaluatedKey" in answer


def _within(table: str, thread_id: str, bounds: tuple[str, str], newest_first: bool, limit: int) -> dict[str, Any]:
    request: dict[str, Any] = {
        "TableName": table,
        "KeyConditionExpression": f"{PARTITION} = :thread AND {SORT} BETWEEN :first AND :last",
        "ExpressionAttributeValues": {
            ":thread": {"S": thread_id},
            ":first": {"S": bounds[0]},
            ":last": {"S": bounds[1]},
        },
        "ScanIndexForward": not newest_first,
        "ConsistentRead": True,
    }
    return {**request, "Limit": limit} if limit else request


def pages(send: Callable[..., Item], request: dict[str, Any]) -> Iterator[list[Item]]:
    """The pages of a query or scan; only the first one has the request's limit."""
    while True:
        answer = send(**request)
        yield answer["Items"]
        if "LastEvaluatedKey" not in answer:
            return
        request = {**request, "ExclusiveStartKey": answer["LastEvaluatedKey"]}
        request.pop("Limit", None)


def put_all(client: Any, table: str, items: Iterable[Item]) -> bool:
    """Put items in batches, in no particular order; True, as all are then there.

    Raises StorageUnavailableError when throttled for too long.
    """
    _write_all(client, table, ({"PutRequest": {"Item": item}} for item in items))
    return True


def delete_all(client: Any, table: str, items: Iterable[Item]) -> None:
    """Delete items in batches; one that is not there is no error. Raises StorageUnavailableError."""
    _write_all(
        client, table, ({"DeleteRequest": {"Key": {name: item[name] for name in (PARTITION, SORT)}}} for item in items)
    )


def _write_all(client: Any, table: str, writes: Iterable[Item]) -> None:
    def send(pending: list[Item]) -> list[Item]:
        left = client.batch_write_item(RequestItems={table: pending}).get("UnprocessedItems", {})
        return list(left.get(table, []))

    batches.send_all(send, writes, batches.WRITES)


def get_all(client: Any, table: str, thread_id: str, sort_keys: Sequence[str]) -> dict[str, Item]:
    """The items with these keys that exist, by sort key; consistent reads. Raises StorageUnavailableError."""
    found: dict[str, Item] = {}

    def send(pending: list[Item]) -> list[Item]:
        answer = client.batch_get_item(RequestItems={table: {"Keys": pending, "ConsistentRead": True}})
        found.update((item[SORT]["S"], item) for item in answer["Responses"].get(table, []))
        return list(answer.get("UnprocessedKeys", {}).get(table, {}).get("Keys", []))

    wanted = (keys.primary(thread_id, sort_key) for sort_key in dict.fromkeys(sort_keys))
    batches.send_all(send, wanted, batches.READS)
    return found
