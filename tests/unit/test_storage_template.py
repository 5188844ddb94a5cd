"""Rules about infra/storage.yaml: the tables are what the code takes them for, and outlive a production stack."""

from typing import Any

from chatkeep.checkpoint_items import table as checkpoints
from chatkeep.models.idempotency import Answer
from chatkeep.models.session import Session
from infra.local.intrinsics import load
from infra.local.stack import Stack
from tests.client import STACK

TABLES = {name.rpartition("-")[2]: properties for name, properties in STACK.tables()}
SESSIONS, CHECKPOINTS = TABLES["SessionsTable"], TABLES["CheckpointsTable"]
STORAGE = STACK.path.parent / "infra" / "storage.yaml"
MODELS = Session._get_schema()


def keys(schema: list[dict[str, str]]) -> dict[str, str]:
    return {one["KeyType"]: one["AttributeName"] for one in schema}


def test_the_sessions_table_has_the_keys_of_the_models() -> None:
    assert keys(SESSIONS["KeySchema"]) == keys(MODELS["key_schema"])
    assert typed(SESSIONS["AttributeDefinitions"]) == typed(MODELS["attribute_definitions"])


def typed(definitions: list[dict[str, str]]) -> dict[str, str]:
    return {one["AttributeName"]: one["AttributeType"] for one in definitions}


def test_the_indexes_are_those_of_the_models() -> None:
    declared = {
        one["IndexName"]: (keys(one["KeySchema"]), projection(one["Projection"]))
        for one in SESSIONS["GlobalSecondaryIndexes"]
    }
    assert declared == {
        one["index_name"]: (keys(one["key_schema"]), projection(one["projection"]))
        for one in MODELS["global_secondary_indexes"]
    }


def projection(definition: dict[str, Any]) -> tuple[str, list[str]]:
    return definition["ProjectionType"], sorted(definition.get("NonKeyAttributes", []))


def test_time_to_live_is_an_attribute_of_answers_and_of_no_session() -> None:
    attribute = SESSIONS["TimeToLiveSpecification"]["AttributeName"]
    assert attribute in Answer.get_attributes()
    assert attribute not in Session.get_attributes()


def test_the_checkpoints_table_has_the_keys_of_the_checkpointer_and_never_expires_a_row() -> None:
    assert keys(CHECKPOINTS["KeySchema"]) == keys(checkpoints.KEY_SCHEMA)
    assert typed(CHECKPOINTS["AttributeDefinitions"]) == typed(checkpoints.ATTRIBUTE_DEFINITIONS)
    assert "TimeToLiveSpecification" not in CHECKPOINTS


def test_a_production_table_is_encrypted_backed_up_and_protected() -> None:
    for _, table in Stack(STORAGE, {"Environment": "production"}).of_type("AWS::DynamoDB::Table"):
        assert table["BillingMode"] == "PAY_PER_REQUEST"
        assert table["SSESpecification"]["SSEEnabled"]
        assert table["PointInTimeRecoverySpecification"]["PointInTimeRecoveryEnabled"]
        assert table["DeletionProtectionEnabled"]


def test_a_table_outlives_its_stack_in_production_and_only_there() -> None:
    for resource in load(STORAGE)["Resources"].values():
        if resource["Type"] == "AWS::DynamoDB::Table":
            kept = {"Fn::If": ["IsProduction", "Retain", "Delete"]}
            assert (resource["DeletionPolicy"], resource["UpdateReplacePolicy"]) == (kept, kept)
