"""All that both tables hold: what of it tells of somebody, and whether a user's counters agree with it."""

import json
import re
from collections import Counter
from collections.abc import Iterable
from typing import Any

from boto3.dynamodb.types import Binary, TypeDeserializer

TABLES = ("chatkeep-SessionsTable", "chatkeep-CheckpointsTable")
BATCH = 25
Item = dict[str, Any]
Key = tuple[str, str, str]
"""A table, and an item's two keys."""
COUNTER = re.compile("total_|thumbs_|.*_sessions$")
"""The names of a user's totals."""
_read = TypeDeserializer().deserialize


class Stored(dict[Key, Item]):
    """Low-level items by table and keys."""

    def telling_of(self, traces: Iterable[str]) -> list[Key]:
        """The items that have one of the traces in a key or in a value, bytes included."""
        wanted = list(traces)
        return [key for key, item in self.items() if any(one in json.dumps(item, default=_latin) for one in wanted)]

    def waiting(self) -> list[Key]:
        """What is due now or later, leases aside."""
        return [key for key, item in self.items() if "due_at" in item and not key[2].startswith("SESSION#")]

    def receipts(self) -> list[Key]:
        return [key for key in self if key[2].startswith("DELETION#")]

    def under(self, partition: str, prefix: str = "") -> list[Item]:
        """The items of a partition of the sessions table whose sort keys begin so, read."""
        found = [item for (_, pk, sk), item in self.items() if pk == partition and sk.startswith(prefix)]
        return [{name: _read(value) for name, value in item.items()} for item in found]

    def check_totals(self, user_id: str) -> None:
        """The user's totals are the sums of the turns and ratings of the sessions that exist."""
        headers = [one for one in self.under(f"USER#{user_id}", "SESSION#") if "deletion_id" not in one]
        ids = [one["sk"].removeprefix("SESSION#") for one in headers]
        turns = [turn for one in ids for turn in self.under(f"SESSION#{user_id}#{one}", "TURN#")]
        messages = [message for one in ids for message in self.under(f"SESSION#{user_id}#{one}", "MESSAGE#")]
        expected = Counter(f"{_status(one)}_sessions" for one in headers)
        expected.update(message["rating"] for message in messages if "rating" in message)
        for turn in turns:
            tokens = turn["input_tokens"] + turn["output_tokens"]
            expected.update(total_messages=turn["messages"], total_tokens=tokens, total_cost=turn["cost"])
        (totals,) = self.under(f"USER#{user_id}", "TOTALS")
        counted = {name: number for name, number in totals.items() if COUNTER.match(name)}
        assert Counter(counted) == expected  # to which a number that is missing is 0


def _latin(value: Any) -> str:
    return bytes(value.value if isinstance(value, Binary) else value).decode("latin-1")


def _status(header: Item) -> str:
    return "deleted" if "deleted_at" in header else "archived" if header["is_archived"] else "active"


def scan(dynamodb: Any) -> Stored:
    """Every item of both tables."""
    found = Stored()
    for table in TABLES:
        for page in dynamodb.get_paginator("scan").paginate(TableName=table, ConsistentRead=True):
            found.update({(table, item["pk"]["S"], item["sk"]["S"]): item for item in page["Items"]})
    return found


def restore(dynamodb: Any, wanted: Stored) -> None:
    """Have the tables hold these items and no others."""
    for key in scan(dynamodb).keys() - wanted.keys():
        table, pk, sk = key
        dynamodb.delete_item(TableName=table, Key={"pk": {"S": pk}, "sk": {"S": sk}})
    for table in TABLES:
        puts = [{"PutRequest": {"Item": item}} for key, item in wanted.items() if key[0] == table]
        for start in range(0, len(puts), BATCH):
            dynamodb.batch_write_item(RequestItems={table: puts[start : start + BATCH]})
