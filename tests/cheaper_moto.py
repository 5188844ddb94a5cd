"""Spares moto 5.2 work that its answers do not need, so that tables of thousands of items can be tested.

Each patch says what moto does, since which version, and what would make the patch unnecessary. The figures are
processor time per request on a table of a hundred items. `tests/unit/test_cheaper_moto.py` holds the answers to moto's.
"""

import copy
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

from moto.core.serialize import JSONSerializer
from moto.dynamodb.models.dynamo_type import Item
from moto.dynamodb.models.table import SecondaryIndex, Table
from moto.dynamodb.parsing.ast_nodes import DepthFirstTraverser, Node

_find = Table.get_item
_serialize = JSONSerializer._serialize_type_structure


def _snapshot(table: Table, memo: dict[int, Any]) -> Table:
    """The table as a transaction finds it, which shares its items: they are never changed in place, see `_get_own`.

    Since `transact_write_items` came (1.3.16 has it), moto copies the table with all of its items for each item of a
    transaction, to be able to go back: 30 ms instead of 10, and more the more is stored. It would do to copy the items
    that the transaction names, or each table once.
    """
    snapshot = copy.copy(table)
    snapshot.items = defaultdict(dict, {key: dict(partition) for key, partition in table.items.items()})
    return snapshot


def _get_own(table: Table, hash_key: Any, range_key: Any = None, projection_expression: Any = None) -> Any:
    """The item, which moto changes in place, as a copy that takes its place in this table alone.

    `_snapshot` needs that, and nothing else does.
    """
    found = _find(table, hash_key, range_key, projection_expression)
    if found is not None and not projection_expression and range_key is not None:
        found = table.items[hash_key][range_key] = copy.deepcopy(found)
    return found


def _project(index: SecondaryIndex, item: Item) -> Item:
    """The item, which is a copy already, as the index has it.

    Since indexes project (4.2.0), moto takes an item apart along expression paths, and makes JSON of every attribute
    and parses it: 64 ms for 50 items instead of 25. It would do to pick the attributes by their names, as paths into
    documents cannot be projected.
    """
    if index.projection["ProjectionType"] != "ALL":
        wanted = {*index.table_key_attrs, *index.schema_key_attrs, *index.projection.get("NonKeyAttributes", ())}
        for name in [name for name in item.attrs if name not in wanted]:
            del item.attrs[name]
    return item


def _serialize_plain(serializer: JSONSerializer, serialized: Any, value: Any, shape: Any, key: str) -> None:
    """A structure of an answer, with an item's values as they are.

    Since DynamoDB's answers pass through the serializer of all services (5.2.0), moto looks for each of the ten members
    of a value under several names, at each level of a document: 210 ms for 100 items instead of 30. It would do to
    serialize what is an AttributeValue by the one member that it has.
    """
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
    """Visits an expression as moto does, which it does ten times for each update.

    Since expressions have a tree (1.3.16), moto asks at each node which kinds are wanted, and whether the node is of
    these abstract classes: 10 ms for an update instead of 8. It would do to ask once for each walk.
    """
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


PATCHES: list[tuple[type, str, Any]] = [
    (Table, "__deepcopy__", _snapshot),
    (Table, "get_item", _get_own),
    (SecondaryIndex, "project", _project),
    (JSONSerializer, "_serialize_type_structure", _serialize_plain),
    (DepthFirstTraverser, "traverse", _traverse),
]
_UPSTREAM = [(kind, name, kind.__dict__.get(name)) for kind, name, _ in PATCHES]


def install() -> None:
    """Have all of moto's tables do so."""
    for kind, name, cheaper in PATCHES:
        setattr(kind, name, cheaper)


@contextmanager
def as_upstream() -> Iterator[None]:
    """moto as it is published, as long as the context lasts."""
    for kind, name, original in _UPSTREAM:
        setattr(kind, name, original) if original else delattr(kind, name)
    try:
        yield
    finally:
        install()
