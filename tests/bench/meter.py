"""Counts what a client asks of DynamoDB, and the capacity AWS would bill for it, from the sizes of the items."""

import base64
import json
import math
import re
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

Item = dict[str, Any]
_WRITE_UNIT, _READ_UNIT = 1_024, 4_096
_SHORTENING = ("FilterExpression", "ProjectionExpression", "Select")


@dataclass
class Usage:
    """The usage of a client: requests by name, capacity units, bytes."""

    operations: Counter[str] = field(default_factory=Counter)
    wcu: float = 0
    rcu: float = 0
    written: int = 0
    read: int = 0

    @property
    def requests(self) -> int:
        return self.operations.total()

    @property
    def reads(self) -> int:
        return sum(count for name, count in self.operations.items() if name in ("GetItem", "BatchGetItem", "Query"))


def item_size(item: Item) -> int:
    """Bytes of an item as AWS counts them: names and values."""
    return sum(len(name.encode()) + _value_size(value) for name, value in item.items())


def _value_size(value: Any) -> int:
    ((kind, content),) = value.items()
    if kind == "S":
        return len(content.encode())
    if kind == "N":
        return math.ceil(len(content.strip("-").replace(".", "").strip("0")) / 2) + 1 + content.startswith("-")
    if kind == "B":
        return len(bytes(content))
    if kind == "M":
        return 3 + sum(len(name.encode()) + _value_size(inner) + 1 for name, inner in content.items())
    if kind == "L":
        return 3 + sum(_value_size(inner) + 1 for inner in content)
    if kind in ("SS", "NS", "BS"):
        return sum(_value_size({kind[0]: inner}) for inner in content)
    return 1


def _with_bytes(value: Item) -> Item:
    """A binary attribute as boto3 has it, of the base64 that is sent; any other object as it is."""
    if len(value) == 1 and isinstance(value.get("B"), str):
        return {"B": base64.b64decode(value["B"])}
    if len(value) == 1 and isinstance(value.get("BS"), list):
        return {"BS": [base64.b64decode(one) for one in value["BS"]]}
    return value


class Meter:
    """Listens to a client; `looker` is another on the same DynamoDB, to look up what items were and became.

    It takes a request as it is sent, so that it makes no difference which of boto3's interfaces a saver calls.
    """

    def __init__(self, client: Any, looker: Any) -> None:
        self._looker = looker
        self._tables: dict[str, Item] = {}
        self._open: list[Usage] = []
        self.listen(client)

    def listen(self, client: Any) -> None:
        """Count another client's requests too."""
        client.meta.events.register_last("before-call.dynamodb.*", self._before)
        client.meta.events.register_first("after-call.dynamodb.*", self._after)

    @contextmanager
    def measure(self) -> Iterator[Usage]:
        """The usage until the end of the block."""
        usage = Usage()
        self._open.append(usage)
        try:
            yield usage
        finally:
            self._open.remove(usage)

    def _before(self, params: Item, model: Any, context: Item, **_: Any) -> None:
        if self._open:
            asked = json.loads(params["body"], object_hook=_with_bytes)
            touched = [(*write, self._look(*write[:2])) for write in self._writes(model.name, asked)]
            context["meter"] = (asked, touched)

    def _after(self, parsed: Item, model: Any, context: Item, http_response: Any, **_: Any) -> None:
        if "meter" not in context:
            return
        params, touched = context["meter"]
        factor = 2 if model.name.startswith("Transact") else 1
        wcu, written = 0, 0
        failed = http_response.status_code >= 300
        for table, key, becomes, was in touched:
            now = was if failed else self._look(table, key) if becomes is None else becomes
            wcu += factor * self._write_units(table, was, now)
            written += item_size(now) if now else 0
        sizes = list(self._read_sizes(model.name, params, parsed))
        for usage in self._open:
            usage.operations[model.name] += 1
            usage.wcu += wcu
            usage.written += written
            usage.rcu += sum(units for units, _ in sizes)
            usage.read += sum(size for _, size in sizes)

    def _writes(self, operation: str, params: Item) -> Iterator[tuple[str, Item, Item | None]]:
        """Table and key of each item that an operation may write, and the item, or None where the engine makes it."""
        if operation == "BatchWriteItem":
            for table, requests in params["RequestItems"].items():
                for request in requests:
                    ((_, inner),) = request.items()
                    yield self._write({"TableName": table, **inner})
        elif operation == "TransactWriteItems":
            for member in params["TransactItems"]:
                ((_, inner),) = member.items()
                yield self._write(inner)
        elif operation in ("PutItem", "UpdateItem", "DeleteItem"):
            yield self._write(params)

    def _write(self, params: Item) -> tuple[str, Item, Item | None]:
        table, item = params["TableName"], params.get("Item")
        return table, self._key(table, item) if item else params["Key"], item

    def _read_sizes(self, operation: str, params: Item, parsed: Item) -> Iterator[tuple[float, int]]:
        """Capacity units and bytes read by an operation."""
        if operation == "GetItem":
            yield _read_units([parsed.get("Item", {})], params)
        elif operation in ("Query", "Scan"):
            yield _read_units(self._evaluated(operation, params, parsed), params)
        elif operation == "BatchGetItem":
            for table, request in params["RequestItems"].items():
                found = parsed.get("Responses", {}).get(table, [])
                missing = [{}] * (len(request["Keys"]) - len(found))
                for item in [*found, *missing]:
                    yield _read_units([item], request)
        elif operation == "TransactGetItems":
            for response in parsed.get("Responses", []):
                units, size = _read_units([response.get("Item", {})], {"ConsistentRead": True})
                yield 2 * units, size

    def _evaluated(self, operation: str, params: Item, parsed: Item) -> list[Item]:
        """The items that a query read, before its filter and projection, which cost as much as whole ones."""
        if not any(name in params for name in _SHORTENING):
            return list(parsed.get("Items", []))
        whole = {name: value for name, value in params.items() if name not in _SHORTENING}
        used = set(re.findall(r"[#:]\w+", params.get("KeyConditionExpression", "")))
        for name in ("ExpressionAttributeNames", "ExpressionAttributeValues"):
            whole[name] = {key: value for key, value in params.get(name, {}).items() if key in used}
        asked = {name: value for name, value in whole.items() if value != {}}
        return list(getattr(self._looker, operation.lower())(**asked).get("Items", []))

    def _look(self, table: str, key: Item) -> Item | None:
        found: Item | None = self._looker.get_item(TableName=table, Key=key, ConsistentRead=True).get("Item")
        return found

    def _table(self, table: str) -> Item:
        if table not in self._tables:
            self._tables[table] = self._looker.describe_table(TableName=table)["Table"]
        return self._tables[table]

    def _key(self, table: str, item: Item) -> Item:
        return {key["AttributeName"]: item[key["AttributeName"]] for key in self._table(table)["KeySchema"]}

    def _write_units(self, table: str, was: Item | None, now: Item | None) -> int:
        units = _write_units(max(item_size(was or {}), item_size(now or {})))
        description = self._table(table)
        for index in description.get("GlobalSecondaryIndexes", []) + description.get("LocalSecondaryIndexes", []):
            units += _index_units(index, self._projected(table, index, was), self._projected(table, index, now))
        return units

    def _projected(self, table: str, index: Item, item: Item | None) -> Item | None:
        keys = [key["AttributeName"] for key in index["KeySchema"]]
        if item is None or any(name not in item for name in keys):
            return None
        projection = index["Projection"]
        if projection["ProjectionType"] == "ALL":
            return item
        names = {*keys, *self._key(table, item), *projection.get("NonKeyAttributes", [])}
        return {name: value for name, value in item.items() if name in names}


def _index_units(index: Item, was: Item | None, now: Item | None) -> int:
    """An index is written where what it projects changes; under another key, as a deletion and a new item."""
    if was == now:
        return 0
    keys = [key["AttributeName"] for key in index["KeySchema"]]
    if was and now and all(was[name] == now[name] for name in keys):
        return _write_units(max(item_size(was), item_size(now)))
    return sum(_write_units(item_size(item)) for item in (was, now) if item)


def _write_units(size: int) -> int:
    return max(1, math.ceil(size / _WRITE_UNIT))


def _read_units(items: list[Item], request: Item) -> tuple[float, int]:
    size = sum(map(item_size, items))
    return max(1, math.ceil(size / _READ_UNIT)) * (1 if request.get("ConsistentRead") else 0.5), size
