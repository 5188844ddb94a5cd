"""The definition of CheckpointsTable: two keys, no index."""

from typing import Any

PARTITION = "pk"
SORT = "sk"
DATA, PAYLOAD, RUN, PRUNED = "d", "x", "r", "q"  # attributes of the items
OWNER = "u"
"""Of a head: whose thread it is. An orphan is told from another application's thread by it alone."""
KEY_SCHEMA = [{"AttributeName": PARTITION, "KeyType": "HASH"}, {"AttributeName": SORT, "KeyType": "RANGE"}]
ATTRIBUTE_DEFINITIONS = [
    {"AttributeName": PARTITION, "AttributeType": "S"},
    {"AttributeName": SORT, "AttributeType": "S"},
]


def create_table(client: Any, table_name: str) -> None:
    """Create the table on demand and wait until it is there; a table that exists already is left as it is.

    Raises ValueError where that one has other keys.
    """
    try:
        client.create_table(
            TableName=table_name,
            KeySchema=KEY_SCHEMA,
            AttributeDefinitions=ATTRIBUTE_DEFINITIONS,
            BillingMode="PAY_PER_REQUEST",
        )
    except client.exceptions.ResourceInUseException:
        found = client.describe_table(TableName=table_name)["Table"]["KeySchema"]
        if found != KEY_SCHEMA:
            raise ValueError(f"table {table_name!r} has other keys than {PARTITION} and {SORT}: {found}") from None
        return
    client.get_waiter("table_exists").wait(TableName=table_name)
