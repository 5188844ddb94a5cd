"""moto made cheaper answers as moto does: generated requests to both, whose answers and refusals are compared."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from hypothesis import given, settings
from hypothesis import strategies as st
from moto import mock_aws

from tests.cheaper_moto import as_upstream
from tests.client import STACK
from tests.engines import start_engine

TABLE = "table"
SETS = ("SS", "NS", "BS")
SCALARS = st.one_of(
    st.sampled_from(["", "a", "b", "é\U0001f600"]).map(lambda text: {"S": text}),
    st.sampled_from(["0", "-1", "7", "1.50", "12345678901234567890123456789012345678"]).map(lambda one: {"N": one}),
    st.booleans().map(lambda one: {"BOOL": one}),
    st.sampled_from([b"", b"\x00\xff"]).map(lambda one: {"B": one}),
    st.just({"NULL": True}),
    st.sets(st.sampled_from(["a", "b"]), min_size=1).map(lambda one: {"SS": sorted(one)}),
    st.just({"NS": ["1", "2"]}),
    st.just({"BS": [b"\x00"]}),
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(lambda some: {"L": some}),
        st.dictionaries(st.sampled_from(["S", "L", "x", "n"]), inner, max_size=3).map(lambda some: {"M": some}),
    ),
    max_leaves=6,
)
NUMBERS = st.sampled_from(["1", "2", "10", "-3"]).map(lambda one: {"N": one})
KEYS = st.builds(lambda pk, sk: {"pk": {"S": pk}, "sk": {"S": sk}}, st.sampled_from("pq"), st.sampled_from("123"))
ITEMS = st.builds(
    lambda key, group, rank, rest: {**key, "group": group, "rank": rank, **rest},
    KEYS,
    st.sampled_from(["g", "h"]).map(lambda one: {"S": one}),
    NUMBERS,
    st.dictionaries(st.sampled_from(["a", "b", "shown"]), VALUES, max_size=3),
)
CONDITIONS = st.sampled_from(
    [
        {},
        {"ConditionExpression": "attribute_exists(pk)"},
        {"ConditionExpression": "attribute_not_exists(pk) OR #r > :one"},
        {"ConditionExpression": "NOT (a = :one) AND contains(b, :a)"},
        {"ConditionExpression": "#r BETWEEN :one AND :ten OR a IN (:a, :one) OR size(a) > :one"},
    ]
)
UPDATES = st.sampled_from(
    [
        "SET a = :a",
        "SET a = if_not_exists(a, :one), b = :some",
        "SET b = list_append(if_not_exists(b, :some), :some) REMOVE shown",
        "SET a.x = :a",
        "SET b[1] = :a REMOVE a.n",
        "ADD #r :one, a :one",
        "SET #r = #r + :one ADD shown :names",
        "DELETE shown :names",
    ]
)
NAMED = {
    ":one": {"N": "1"},
    ":ten": {"N": "10"},
    ":a": {"S": "a"},
    ":some": {"L": [{"S": "a"}, {"N": "1"}]},
    ":names": {"SS": ["a"]},
}


def request(words: dict[str, Any]) -> dict[str, Any]:
    """With the names and values that its expressions use, and no others, which DynamoDB refuses."""
    said = " ".join(text for name, text in words.items() if name.endswith("Expression"))
    values = {name: NAMED[name] for name in re.findall(r":\w+", said)}
    return {
        "TableName": TABLE,
        **words,
        **({"ExpressionAttributeValues": values} if values else {}),
        **({"ExpressionAttributeNames": {"#r": "rank"}} if "#r" in said else {}),
    }


PUTS = st.builds(lambda item, condition: request({"Item": item, **condition}), ITEMS, CONDITIONS)
CHANGES = st.builds(
    lambda key, update, condition: request({"Key": key, "UpdateExpression": update, **condition}),
    KEYS,
    UPDATES,
    CONDITIONS,
)
DELETIONS = st.builds(lambda key, condition: request({"Key": key, **condition}), KEYS, CONDITIONS)
MEMBERS = st.one_of(
    PUTS.map(lambda one: {"Put": one}),
    CHANGES.map(lambda one: {"Update": one}),
    DELETIONS.map(lambda one: {"Delete": one}),
)
TRANSACTIONS = st.lists(MEMBERS, min_size=1, max_size=3).map(lambda some: {"TransactItems": some})


def query(index: str, forward: bool = True, most: int = 0) -> dict[str, Any]:
    return {
        "TableName": TABLE,
        "KeyConditionExpression": f"{'#key' if index else 'pk'} = :key",
        "ExpressionAttributeValues": {":key": {"S": "g" if index else "p"}},
        "ScanIndexForward": forward,
        **({"IndexName": index, "ExpressionAttributeNames": {"#key": "group"}} if index else {}),
        **({"Limit": most} if most else {}),
    }


INDEXES = {
    "Keys": {"ProjectionType": "KEYS_ONLY"},
    "Some": {"ProjectionType": "INCLUDE", "NonKeyAttributes": ["shown", "a"]},
    "All": {"ProjectionType": "ALL"},
}
"""Projections by the index's name, one of each kind."""
QUERIES = st.builds(query, st.sampled_from(["", *INDEXES]), st.booleans(), st.integers(0, 3))
LAST: list[tuple[str, dict[str, Any]]] = [
    ("scan", {"TableName": TABLE}),
    *(("query", query(index)) for index in INDEXES),
]
GETS = st.builds(
    lambda key, some: {"TableName": TABLE, "Key": key, **some},
    KEYS,
    st.sampled_from([{}, {"ProjectionExpression": "pk, a.x, b[0]"}]),
)
OPERATIONS = {
    "put_item": PUTS.map(lambda one: {**one, "ReturnValues": "ALL_OLD"}),
    "update_item": CHANGES.map(lambda one: {**one, "ReturnValues": "ALL_NEW"}),
    "delete_item": DELETIONS.map(lambda one: {**one, "ReturnValues": "ALL_OLD"}),
    "transact_write_items": TRANSACTIONS,
    "get_item": GETS,
    "query": QUERIES,
}
REQUESTS = st.one_of([st.tuples(st.just(name), words) for name, words in OPERATIONS.items()])


@contextmanager
def table() -> Iterator[Any]:
    """A client of a new table with the indexes."""
    with mock_aws():
        client = boto3.client("dynamodb")
        kinds = {"pk": "S", "sk": "S", "group": "S", "rank": "N"}
        client.create_table(
            TableName=TABLE,
            BillingMode="PAY_PER_REQUEST",
            KeySchema=schema("pk", "sk"),
            AttributeDefinitions=[{"AttributeName": name, "AttributeType": kind} for name, kind in kinds.items()],
            GlobalSecondaryIndexes=[
                {"IndexName": name, "KeySchema": schema("group", "rank"), "Projection": one}
                for name, one in INDEXES.items()
            ],
        )
        yield client


def schema(partition: str, position: str) -> list[dict[str, str]]:
    return [{"AttributeName": partition, "KeyType": "HASH"}, {"AttributeName": position, "KeyType": "RANGE"}]


def answers(requests: list[tuple[str, dict[str, Any]]]) -> list[Any]:
    """The answer to each of the requests, or its refusal, and then all that is in the table and its indexes."""
    found = []
    with table() as client:
        for operation, words in [*requests, *LAST]:
            try:
                answer = getattr(client, operation)(**words)
            except ClientError as error:
                answer = error.response
            except Exception as error:  # a fault of moto's own, which has to be the same one
                answer = {"fault": repr(error)}
            found.append({name: ordered(value) for name, value in answer.items() if name != "ResponseMetadata"})
    return found


def ordered(answer: Any) -> Any:
    """An answer, or a part of it, with the elements of its sets in order: DynamoDB's and moto's have none."""
    if isinstance(answer, list):
        return [ordered(one) for one in answer]
    if not isinstance(answer, dict):
        return answer
    return {name: sorted(held) if name in SETS else ordered(held) for name, held in answer.items()}


@pytest.mark.thorough
@given(st.lists(REQUESTS, min_size=10, max_size=25))
@settings(max_examples=10)
def test_requests_of_any_kind_are_answered_as_by_moto_itself(requests: list[tuple[str, dict[str, Any]]]) -> None:
    with as_upstream():
        expected = answers(requests)
    assert answers(requests) == expected


def test_the_tables_of_a_test_are_new_whatever_another_did_with_its_own() -> None:
    engine = start_engine("moto")
    seen = []
    for _attempt in range(3):  # made by requests, copied, and copied after the copy was used
        with engine.tables(STACK):
            for name, _ in STACK.tables():
                described = engine.client.describe_table(TableName=name)["Table"]
                expiry = engine.client.describe_time_to_live(TableName=name)["TimeToLiveDescription"]
                seen.append((described, expiry, engine.client.scan(TableName=name)["Items"]))
                engine.client.put_item(TableName=name, Item={"pk": {"S": "p"}, "sk": {"S": "s"}})
                enabled = {"Enabled": True, "AttributeName": "expires_at"}
                engine.client.update_time_to_live(TableName=name, TimeToLiveSpecification=enabled)
    of_each_test = [seen[at : at + len(seen) // 3] for at in range(0, len(seen), len(seen) // 3)]
    assert of_each_test[0] == of_each_test[1] == of_each_test[2]
