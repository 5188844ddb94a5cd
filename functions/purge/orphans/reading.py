"""Reading the tables at a rate that leaves their capacity to those who chat; every read here is only a first look."""

from collections.abc import Iterable
from typing import Any

from chatkeep.checkpoint_items.table import OWNER
from chatkeep.dynamodb import batches
from chatkeep.dynamodb.connection import shared
from chatkeep.jobs.due import Keys
from chatkeep.kinds import Table
from chatkeep.models.session import Session
from chatkeep.removal.pace import Rate
from chatkeep.settings import settings
from functions.purge.orphans import headers

Item = dict[str, Any]

UNITS_PER_SECOND = 50
"""A sixtieth of what one partition of DynamoDB reads:
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/bp-partition-key-design.html"""
MOST_UNITS = 12_000
"""Of one run: four minutes at that rate, so that a minute of the function's time is left for what was found. A run gets
through some 90 MB, and costs less than a quarter of a cent."""
PAGE_ITEMS = 1_000
"""An average page is about as large as DynamoDB makes one, and the work that a run which dies has done in vain."""

WANTED = {
    Table.SESSIONS: (
        "v", *(getattr(Session, name).attr_name for name in headers.ATTRIBUTES), "status", "session_id", "finished_at",
        "erasure_id", "erasure_digest",
    ),
    Table.CHECKPOINTS: (OWNER,),
}  # fmt: skip
"""The attributes that are read beside the keys: a page costs as much as with whole items, but is smaller to hold."""


class Reader:
    """Reads, and counts what that has used. Every read raises OutOfTimeError at the end of the function's time."""

    def __init__(self, checkpoints_table: str) -> None:
        self._tables = {Table.SESSIONS: settings().sessions_table, Table.CHECKPOINTS: checkpoints_table}
        self._rate = Rate(UNITS_PER_SECOND)
        self.used = 0.0

    def page(self, table: Table, after: Keys | None) -> tuple[list[Item], Keys | None]:
        """The items after a position, and the position after them; None at the end of the table."""
        names = {f"#{at}": name for at, name in enumerate(("pk", "sk", *dict.fromkeys(WANTED[table])))}
        request: Item = {
            "TableName": self._tables[table],
            "ProjectionExpression": ", ".join(names),
            "ExpressionAttributeNames": names,
            "Limit": PAGE_ITEMS,
        }
        if after is not None:
            request["ExclusiveStartKey"] = _key(after)
        answer = self._paid("scan", request)
        last = answer.get("LastEvaluatedKey")
        return answer["Items"], last and (last["pk"]["S"], last["sk"]["S"])

    def existing(self, wanted: Iterable[Keys]) -> set[Keys]:
        """Those of the keys in SessionsTable that have an item."""
        table, found = self._tables[Table.SESSIONS], set[Keys]()

        def send(pending: list[Item]) -> list[Item]:
            asked = {"Keys": pending, "ProjectionExpression": "pk, sk"}
            answer = self._paid("batch_get_item", {"RequestItems": {table: asked}})
            found.update((item["pk"]["S"], item["sk"]["S"]) for item in answer["Responses"].get(table, []))
            return list(answer.get("UnprocessedKeys", {}).get(table, {}).get("Keys", []))

        batches.send_all(send, map(_key, dict.fromkeys(wanted)), batches.READS)
        return found

    def there(self, table: Table, keys: Keys) -> bool:
        """Whether there is an item with these keys, read consistently."""
        request: Item = {
            "TableName": self._tables[table],
            "KeyConditionExpression": "pk = :pk AND sk = :sk",
            "ExpressionAttributeValues": {":pk": {"S": keys[0]}, ":sk": {"S": keys[1]}},
            "ProjectionExpression": "pk",
            "ConsistentRead": True,
        }
        return bool(self._paid("query", request)["Items"])

    def holds(self, table: Table, partition: str, *, consistent: bool = False) -> bool:
        """Whether there is an item in the partition."""
        request: Item = {
            "TableName": self._tables[table],
            "KeyConditionExpression": "pk = :pk",
            "ExpressionAttributeValues": {":pk": {"S": partition}},
            "ProjectionExpression": "pk",
            "ConsistentRead": consistent,
            "Limit": 1,
        }
        return bool(self._paid("query", request)["Items"])

    def _paid(self, operation: str, request: Item) -> Item:
        self._rate.wait()
        answer: Item = getattr(shared().client, operation)(**request, ReturnConsumedCapacity="TOTAL")
        used = answer.get("ConsumedCapacity", [])
        units = sum(one.get("CapacityUnits", 0) for one in (used if isinstance(used, list) else [used]))
        self._rate.use(units)
        self.used += units
        return answer


def _key(keys: Keys) -> Item:
    return {"pk": {"S": keys[0]}, "sk": {"S": keys[1]}}
