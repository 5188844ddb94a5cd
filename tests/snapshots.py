"""Makes a transaction on moto cost what it touches: moto copies the whole table, once for each item of the transaction,
so as to have it back when one fails."""

import copy
from collections import defaultdict
from typing import Any

from moto.dynamodb.models.table import Table

_find = Table.get_item


def _snapshot(table: Table, memo: dict[int, Any]) -> Table:
    """The table as it is now; it shares items with `table`, which are never changed in place: see `_get_own`."""
    snapshot = copy.copy(table)
    snapshot.items = defaultdict(dict, {key: dict(partition) for key, partition in table.items.items()})
    return snapshot


def _get_own(table: Table, hash_key: Any, range_key: Any = None, projection_expression: Any = None) -> Any:
    """The item, which moto changes in place, as a copy that takes its place in this table alone."""
    found = _find(table, hash_key, range_key, projection_expression)
    if found is not None and not projection_expression and range_key is not None:
        found = table.items[hash_key][range_key] = copy.deepcopy(found)
    return found


def install() -> None:
    """Have all of moto's tables do so."""
    Table.__deepcopy__ = _snapshot
    Table.get_item = _get_own
