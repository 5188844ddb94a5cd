"""Patches for moto 5.2 that skip needless work, so that tables of thousands of items can be tested.

Each patch names moto's behaviour, the version that began it, and a remedy in moto itself. The figures are
processor time per request on a table of a hundred items. `tests/unit/test_cheaper_moto.py` holds the answers to moto's.
"""

import copy
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from typing import Any

from moto.core.models import MockAWS, botocore_stubber, responses_mock
from moto.core.serialize import JSONSerializer
from moto.dynamodb.models.dynamo_type import DynamoType, Item
from moto.dynamodb.models.table import SecondaryIndex, Table
from moto.dynamodb.parsing.ast_nodes import DepthFirstTraverser, Node

_find = Table.get_item
_serialize = JSONSerializer._serialize_type_structure


def _snapshot(table: Table, memo: dict[int, Any]) -> Table:
    """A snapshot of the table before a transaction that shares its items: they never change in place, see `_get_own`.

    Since `transact_write_items` came (1.3.16 has it), moto copies the table with all of its items for each item of a
    transaction, for the rollback: 30 ms instead of 10, and more in a larger table. Copying the items that the
    transaction names, or each table once, would be enough.
    """
    snapshot = copy.copy(table)
    snapshot.items = defaultdict(dict, {key: dict(partition) for key, partition in table.items.items()})
    return snapshot


def _get_own(table: Table, hash_key: Any, range_key: Any = None, projection_expression: Any = None) -> Any:
    """A copy of the item that replaces it in this table alone, as moto changes it in place.

    Only `_snapshot` needs that.
    """
    found = _find(table, hash_key, range_key, projection_expression)
    if found is not None and not projection_expression and range_key is not None:
        found = table.items[hash_key][range_key] = copy.deepcopy(found)
    return found


def _equal(value: DynamoType, other: DynamoType) -> bool:
    """Whether two values are the same; strings, which keys are, without a cast.

    A query compares each item of the table with its key, and moto looks through the types before it casts: 5 µs instead
    of 1. Comparing strings first would be enough.
    """
    if value.type != other.type:
        return False
    return bool(value.value == other.value if value.type == "S" else value.cast_value == other.cast_value)


def copies(tables: Mapping[str, Table]) -> dict[str, Table]:
    """The tables with their items once more, which share nothing with these."""
    return {name: _copy(table) for name, table in tables.items()}


def _copy(table: Table) -> Table:
    copied = object.__new__(Table)
    vars(copied).update(copy.deepcopy(vars(table)))
    return copied


def _project(index: SecondaryIndex, item: Item) -> Item:
    """The item, already a copy, with the attributes that the index projects.

    Since indexes project (4.2.0), moto takes an item apart along expression paths, and dumps and parses every attribute
    as JSON: 64 ms for 50 items instead of 25. Picking attributes by name would be enough, as an index cannot project
    paths into documents.
    """
    if index.projection["ProjectionType"] != "ALL":
        wanted = {*index.table_key_attrs, *index.schema_key_attrs, *index.projection.get("NonKeyAttributes", ())}
        for name in [name for name in item.attrs if name not in wanted]:
            del item.attrs[name]
    return item


def _serialize_plain(serializer: JSONSerializer, serialized: Any, value: Any, shape: Any, key: str) -> None:
    """A structure of an answer, with an item's values as they are.

    Since DynamoDB's answers pass through the serializer of all services (5.2.0), moto looks for each of the ten members
    of a value under several names, at each level of a document: 210 ms for 100 items instead of 30.
    Serializing an AttributeValue by its one member would be enough.
    """
    if shape.name == "AttributeValue" and _is_plain(value):
        serialized[key] = value
    else:
        _serialize(serializer, serialized, value, shape, key)


def _is_plain(value: Any) -> bool:
    """Whether it is a DynamoDB value that is sent unchanged, unlike bytes and sets of them."""
    if not isinstance(value, dict) or len(value) != 1:
        return False
    ((kind, held),) = value.items()
    if kind == "M":
        return all(map(_is_plain, held.values()))
    return all(map(_is_plain, held)) if kind == "L" else kind in {"S", "N", "BOOL", "NULL"}


def _traverse(traverser: DepthFirstTraverser, root: Node) -> Node:
    """Visits an expression as moto does, ten times per update.

    Since expressions have a tree (1.3.16), moto asks at each node which kinds are wanted, and whether the node is of
    these abstract classes: 10 ms per update instead of 8. Asking once per walk would be enough.
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


def _enable(mock: MockAWS, reset: bool = True) -> None:
    """Starts to answer botocore's requests. Those of the package `requests` go to their own addresses: none is for AWS.

    Since AWS is mocked as a whole (5.0.0), moto makes 1,300 responses for that package each time: 7 ms instead of 0.3.
    Keeping them would be enough.
    """
    botocore_stubber.enabled = True
    if reset:
        mock.reset()
    responses_mock.start()


@cache
def _cached_test(kinds: Any) -> Callable[[type], bool]:
    """A cached test for these abstract kinds, as asking Python costs a function call each time."""
    return cache(lambda kind: issubclass(kind, kinds))


PATCHES: list[tuple[type, str, Any]] = [
    (MockAWS, "_enable_patching", _enable),
    (DynamoType, "__eq__", _equal),
    (Table, "__deepcopy__", _snapshot),
    (Table, "get_item", _get_own),
    (SecondaryIndex, "project", _project),
    (JSONSerializer, "_serialize_type_structure", _serialize_plain),
    (DepthFirstTraverser, "traverse", _traverse),
]
_UPSTREAM = [(kind, name, kind.__dict__.get(name)) for kind, name, _ in PATCHES]


def install() -> None:
    """Apply the patches to all of moto's tables."""
    for kind, name, cheaper in PATCHES:
        setattr(kind, name, cheaper)


@contextmanager
def as_upstream() -> Iterator[None]:
    """The unpatched moto, as long as the context lasts."""
    for kind, name, original in _UPSTREAM:
        setattr(kind, name, original) if original else delattr(kind, name)
    try:
        yield
    finally:
        install()
