"""Spares moto work that its answers do not need, so that tables of thousands of items can be tested."""

import copy
from collections import defaultdict
from collections.abc import Callable
from functools import cache
from typing import Any

from moto.core.serialize import JSONSerializer
from moto.dynamodb.models.dynamo_type import DynamoType, Item
from moto.dynamodb.models.table import SecondaryIndex, Table
from moto.dynamodb.parsing.ast_nodes import DepthFirstTraverser, Node

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


def _serialize_plain(serializer: JSONSerializer, serialized: Any, value: Any, shape: Any, key: str) -> None:
    """A structure of an answer; of a value in an item moto tries all types, each under several names."""
    if shape.name == "AttributeValue" and _is_plain(value):
        serialized[key] = value
    else:
        _serialize(serializer, serialized, value, shape, key)


def _is_plain(value: Any) -> bool:
    """Whether it is a value of DynamoDB's that is sent as it is, which bytes and sets of them are not."""
    if not isinstance(value, dict) or len(value) != 1:
        return False
    ((kind, held),) = value.items()
    if kind == "M":
        return all(map(_is_plain, held.values()))
    return all(map(_is_plain, held)) if kind == "L" else kind in {"S", "N", "BOOL", "NULL"}


def _traverse(traverser: DepthFirstTraverser, root: Node) -> Node:
    """What moto does with an expression, ten times for each update; it asks at each node which kinds are wanted."""
    kinds = traverser.nodes_to_be_processed()
    is_node, wanted = _cached_test(Node), _cached_test(kinds)

    def visit(node: Any, at: int) -> Any:
        if not is_node(type(node)):
            return node
        above = node.parent
        for position, child in enumerate(node.children or ()):
            traverser.pre_processing_of_child(node, position)
            visit(child, position)
        if wanted(type(node)):
            node = traverser.process(node)
            node.parent = above
            if above:
                above.children[at] = node
        return node

    return visit(root, -1)


@cache
def _cached_test(kinds: Any) -> Callable[[type], bool]:
    """Whether a class is one of these kinds: they are abstract, and to ask Python costs a function call each time."""
    return cache(lambda kind: issubclass(kind, kinds))


def install() -> None:
    """Have all of moto's tables do so."""
    Table.__deepcopy__ = _snapshot
    Table.get_item = _get_own
    SecondaryIndex.project = _project
    DynamoType.cast_value = property(_value)
    JSONSerializer._serialize_type_structure = _serialize_plain
    DepthFirstTraverser.traverse = _traverse
