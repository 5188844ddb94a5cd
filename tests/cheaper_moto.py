"""Spares moto work that its answers do not need, so that tables of thousands of items can be tested."""

import copy
from collections import defaultdict
from typing import Any

from moto.core.serialize import JSONSerializer
from moto.dynamodb.models.dynamo_type import DynamoType, Item
from moto.dynamodb.models.table import SecondaryIndex, Table

_find = Table.get_item
_cast = DynamoType.cast_value.fget
_serialize = JSONSerializer._serialize_type_structure


def _snapshot(table: Table, memo: dict[int, Any]) -> Table:
    """The table as a transaction finds it, once for each of its items; moto copies all that is in the table. It shares
    items with `table`, which are never changed in place: see `_get_own`."""
    snapshot = copy.copy(table)
    snapshot.items = defaultdict(dict, {key: dict(partition) for key, partition in table.items.items()})
    return snapshot


def _get_own(table: Table, hash_key: Any, range_key: Any = None, projection_expression: Any = None) -> Any:
    """The item, which moto changes in place, as a copy that takes its place in this table alone."""
    found = _find(table, hash_key, range_key, projection_expression)
    if found is not None and not projection_expression and range_key is not None:
        found = table.items[hash_key][range_key] = copy.deepcopy(found)
    return found


def _project(index: SecondaryIndex, item: Item) -> Item:
    """The item, which is a copy already, as the index has it; moto makes JSON of every attribute and parses it."""
    if index.projection["ProjectionType"] != "ALL":
        wanted = {*index.table_key_attrs, *index.schema_key_attrs, *index.projection.get("NonKeyAttributes", ())}
        for name in [name for name in item.attrs if name not in wanted]:
            del item.attrs[name]
    return item


def _value(operand: DynamoType) -> Any:
    """What moto compares and sorts by."""
    return operand.value if operand.type == "S" else _cast(operand)


def _serialize_text(serializer: JSONSerializer, serialized: Any, value: Any, shape: Any, key: str) -> None:
    """A structure of an answer; of a text or a flag in an item moto tries all types, each under several names."""
    if shape.name == "AttributeValue" and isinstance(value, dict) and list(value) in (["S"], ["BOOL"]):
        serialized[key] = value
    else:
        _serialize(serializer, serialized, value, shape, key)


def install() -> None:
    """Have all of moto's tables do so."""
    Table.__deepcopy__ = _snapshot
    Table.get_item = _get_own
    SecondaryIndex.project = _project
    DynamoType.cast_value = property(_value)
    JSONSerializer._serialize_type_structure = _serialize_text
