"""The meter of the benchmarks counts a request the same, whichever of boto3's interfaces makes it."""

from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from boto3.dynamodb.conditions import Attr, Key
from botocore.exceptions import ClientError
from moto import mock_aws

from tests.bench.meter import Meter, Usage
from tests.bench.peers.savers import create_table

TABLE = "metered"


@pytest.fixture
def dynamodb() -> Iterator[Any]:
    with mock_aws():
        client = boto3.client("dynamodb", region_name="us-east-1")
        create_table(client, TABLE, "pk", "sk")
        yield client


def measured(client: Any, looker: Any, *requests: Any) -> Usage:
    with Meter(client, looker).measure() as usage:
        for request in requests:
            request()
    return usage


def test_a_table_resource_costs_what_the_client_costs(dynamodb: Any) -> None:
    client, table = boto3.client("dynamodb", "us-east-1"), boto3.resource("dynamodb", "us-east-1").Table(TABLE)
    typed = {"pk": {"S": "a"}, "sk": {"S": "b"}, "body": {"B": b"x" * 3_000}}
    plain = {"pk": "a", "sk": "b", "body": b"x" * 3_000}
    low = [lambda: client.put_item(TableName=TABLE, Item=typed)]
    low.append(lambda: client.get_item(TableName=TABLE, Key={"pk": {"S": "a"}, "sk": {"S": "b"}}, ConsistentRead=True))
    high = [lambda: table.put_item(Item=plain)]
    high.append(lambda: table.get_item(Key={"pk": "a", "sk": "b"}, ConsistentRead=True))
    usage = measured(client, dynamodb, *low)
    assert (usage.requests, usage.wcu, usage.rcu, usage.written) == (2, 3, 1, 3_010)
    assert measured(table.meta.client, dynamodb, *high) == usage


def test_a_filtered_query_costs_what_it_reads_and_not_what_it_returns(dynamodb: Any) -> None:
    table = boto3.resource("dynamodb", "us-east-1").Table(TABLE)
    for number in range(10):
        table.put_item(Item={"pk": "a", "sk": str(number), "body": "x" * 1_000})
    condition = {"KeyConditionExpression": Key("pk").eq("a"), "FilterExpression": Attr("sk").begins_with("9")}
    usage = measured(table.meta.client, dynamodb, lambda: table.query(**condition, ConsistentRead=True))
    assert (usage.rcu, usage.read) == (3, 10 * 1_010)


def test_a_put_that_its_condition_refuses_costs_the_item_that_is_there(dynamodb: Any) -> None:
    client = boto3.client("dynamodb", "us-east-1")
    item = {"pk": {"S": "a"}, "sk": {"S": "b"}, "body": {"S": "x" * 2_000}}
    dynamodb.put_item(TableName=TABLE, Item=item)

    small = {name: item[name] for name in ("pk", "sk")}

    def refused() -> None:
        with pytest.raises(ClientError):
            client.put_item(TableName=TABLE, Item=small, ConditionExpression="attribute_not_exists(pk)")

    assert measured(client, dynamodb, refused).wcu == 2
