"""Deleting a thread without knowledge of LangGraph."""

from typing import Any

from chatkeep.checkpoint_items import keys
from chatkeep.checkpoint_items.requests import delete_all, pages
from chatkeep.checkpoint_items.table import PARTITION, SORT


def delete_thread(client: Any, table_name: str, thread_id: str) -> int:
    """Delete each item of a thread and say how many there were.

    Reads keys only, deletes page by page, and may be called again after a failure or on a thread that is gone.
    Raises StorageUnavailableError when throttled for too long.
    """
    deleted = 0
    request = {
        "TableName": table_name,
        "KeyConditionExpression": f"{PARTITION} = :thread",
        "ExpressionAttributeValues": {":thread": {"S": keys.partition(thread_id)}},
        "ProjectionExpression": f"{PARTITION}, {SORT}",
        "ConsistentRead": True,
    }
    for page in pages(client.query, request):
        delete_all(client, table_name, page)
        deleted += len(page)
    return deleted
