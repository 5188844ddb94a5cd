"""Makes the template's tables on a local engine."""

from typing import Any

from botocore.exceptions import ClientError

from infra.local.stack import Stack

_CREATED_WITH = (
    "AttributeDefinitions",
    "BillingMode",
    "GlobalSecondaryIndexes",
    "KeySchema",
    "LocalSecondaryIndexes",
)


def create_missing_tables(stack: Stack, client: Any) -> list[str]:
    """Create the tables that are not there yet and return the names of those; what is there stays untouched."""
    created = []
    for name, properties in stack.tables():
        definition: dict[str, Any] = {key: properties[key] for key in _CREATED_WITH if key in properties}
        try:
            client.create_table(TableName=name, **definition)
        except ClientError as error:
            if error.response["Error"]["Code"] != "ResourceInUseException":
                raise
            continue
        client.get_waiter("table_exists").wait(TableName=name, WaiterConfig={"Delay": 1, "MaxAttempts": 30})
        created.append(name)
    return created
