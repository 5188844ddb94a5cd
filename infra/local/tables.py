"""Makes the template's tables on a local engine."""

from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from infra.local.errors import LocalError
from infra.local.stack import Stack

_CREATED_WITH = (
    "AttributeDefinitions",
    "BillingMode",
    "GlobalSecondaryIndexes",
    "KeySchema",
    "LocalSecondaryIndexes",
)


class TablesError(LocalError):
    """DynamoDB does not answer, or refuses the template's tables."""


def table_client(endpoint: str) -> Any:
    """A client that gives up within seconds when nothing answers there."""
    config = Config(connect_timeout=2, read_timeout=20, retries={"total_max_attempts": 3})
    return boto3.client("dynamodb", endpoint_url=endpoint, config=config)


def create_missing_tables(stack: Stack, client: Any) -> list[str]:
    """Create the tables that are not there yet and return the names of those; what is there stays untouched.

    Raises TablesError.
    """
    created = []
    for name, properties in stack.tables():
        definition: dict[str, Any] = {key: properties[key] for key in _CREATED_WITH if key in properties}
        try:
            made = client.create_table(TableName=name, **definition)["TableDescription"]
            if made["TableStatus"] != "ACTIVE":
                client.get_waiter("table_exists").wait(TableName=name, WaiterConfig={"Delay": 1, "MaxAttempts": 30})
        except (BotoCoreError, ClientError) as error:
            if isinstance(error, ClientError) and error.response["Error"]["Code"] == "ResourceInUseException":
                continue
            raise TablesError(f"the table {name} cannot be made: {error}") from error
        created.append(name)
    return created
