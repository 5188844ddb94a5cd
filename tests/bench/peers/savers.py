"""The public DynamoDB savers, each with a meter on its requests.

Each is imported only in its own environment: see `environments`.
"""

from collections.abc import Callable
from contextlib import suppress
from typing import Any

import boto3
from botocore.config import Config

from tests.bench.meter import Meter

TABLE = "bench"
MOST_MESSAGES = 20
"""The reducer's bound in its manual's example."""


def client_of(endpoint: str | None) -> Any:
    return boto3.client("dynamodb", endpoint_url=endpoint, config=Config(max_pool_connections=50))


def checkpoint_aws(endpoint: str | None) -> tuple[Any, Meter]:
    from langgraph_checkpoint_aws import DynamoDBSaver

    saver = DynamoDBSaver(f"{TABLE}-aws", endpoint_url=endpoint)
    create_table(saver.client, f"{TABLE}-aws", "PK", "SK")
    return saver, Meter(saver.client, client_of(endpoint))


def amazon_dynamodb(endpoint: str | None) -> tuple[Any, Meter]:
    from langgraph_checkpoint_dynamodb import DynamoDBConfig, DynamoDBSaver, DynamoDBTableConfig

    create_table(client_of(endpoint), f"{TABLE}-amazon", "PK", "SK")
    table = DynamoDBTableConfig(table_name=f"{TABLE}-amazon")
    saver = DynamoDBSaver(DynamoDBConfig(table_config=table, endpoint_url=endpoint))
    meter = Meter(saver.client, client_of(endpoint))
    meter.listen(saver.table.meta.client)
    return saver, meter


def dynamodb_checkpoint(endpoint: str | None, **options: Any) -> tuple[Any, Meter]:
    """Its client takes no endpoint, so that the environment has to name it."""
    from langgraph_dynamodb_checkpoint import DynamoDBSaver

    create_table(client_of(endpoint), f"{TABLE}-checkpoint", "PK", "SK")
    saver = DynamoDBSaver(f"{TABLE}-checkpoint", **options)
    return saver, Meter(saver.table.meta.client, client_of(endpoint))


def dynamodb_checkpoint_reduced(endpoint: str | None) -> tuple[Any, Meter]:
    from agentstate_reducer import MessageReducer, ReducerConfig

    return dynamodb_checkpoint(endpoint, reducer=MessageReducer(config=ReducerConfig(max_messages=MOST_MESSAGES)))


def checkpoint_dynamodb(endpoint: str | None) -> tuple[Any, Meter]:
    from langgraph_checkpoint_dynamodb.saver import DynamoDBSaver

    create_table(client_of(endpoint), f"{TABLE}-checkpoints", "thread_id", "checkpoint_id")
    create_table(client_of(endpoint), f"{TABLE}-writes", "thread_id_checkpoint_id_checkpoint_ns", "task_id_idx")
    saver = DynamoDBSaver(
        client_config={"endpoint_url": endpoint},
        checkpoints_table_name=f"{TABLE}-checkpoints",
        writes_table_name=f"{TABLE}-writes",
    )
    meter = Meter(saver.client, client_of(endpoint))
    meter.listen(saver.dynamodb.meta.client)
    return saver, meter


SAVERS: dict[str, Callable[[str | None], tuple[Any, Meter]]] = {
    "langgraph-checkpoint-aws": checkpoint_aws,
    "langgraph-checkpoint-amazon-dynamodb": amazon_dynamodb,
    "langgraph-dynamodb-checkpoint": dynamodb_checkpoint,
    "langgraph-dynamodb-checkpoint, reducer": dynamodb_checkpoint_reduced,
    "langgraph-checkpoint-dynamodb": checkpoint_dynamodb,
}


def create_table(client: Any, name: str, partition_key: str, sort_key: str) -> None:
    with suppress(client.exceptions.ResourceInUseException):  # a saver that is tried at the same time made it
        client.create_table(
            TableName=name,
            KeySchema=[
                {"AttributeName": partition_key, "KeyType": "HASH"},
                {"AttributeName": sort_key, "KeyType": "RANGE"},
            ],
            AttributeDefinitions=[{"AttributeName": key, "AttributeType": "S"} for key in (partition_key, sort_key)],
            BillingMode="PAY_PER_REQUEST",
        )
    client.get_waiter("table_exists").wait(TableName=name)
