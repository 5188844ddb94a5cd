"""Rules about infra/storage.yaml: the tables are what the code takes them for, and outlive a production stack."""

from typing import Any

import pytest

from chatkeep.checkpoint_items import table as checkpoints
from chatkeep.models.idempotency import Answer
from chatkeep.models.session import Session
from infra.local.intrinsics import load
from infra.local.stack import Stack
from infra.local.template import load_functions
from tests.client import STACK
from tests.permissions import statements

AGENTS = {"ChatFunction", "StreamFunction", "WorkerFunction"}
TABLES = {name.rpartition("-")[2]: properties for name, properties in STACK.tables()}
SESSIONS, CHECKPOINTS = TABLES["SessionsTable"], TABLES["CheckpointsTable"]
STORAGE = STACK.path.parent / "infra" / "storage.yaml"
MODELS = Session._get_schema()
SECRETS = ("CursorSecret", "ErasureSecret")


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


def test_tables_and_the_secret_that_names_the_erased_outlive_their_stack_in_production_and_only_there() -> None:
    policy = {"Fn::If": ["IsProduction", "Retain", "Delete"]}
    declared = load(STORAGE)["Resources"].items()
    told = {name: (one.get("DeletionPolicy"), one.get("UpdateReplacePolicy")) for name, one in declared}
    assert {name for name, policies in told.items() if policies == (policy, policy)} == {*TABLES, "ErasureSecret"}
    assert {name: policies for name, policies in told.items() if policies != (policy, policy)} == {
        "CursorSecret": (None, None)
    }


def test_a_named_table_is_used_instead_of_the_stacks_own() -> None:
    storage = Stack(STACK.path, {"ExistingSessionsTable": "restored"}).nested("Storage")
    assert storage.output("SessionsTableName") == "restored"
    assert storage.output("SessionsTableArn") == "arn:aws:dynamodb:us-east-1:123456789012:table/restored"


def test_the_stacks_own_tables_stay_when_others_are_used() -> None:
    others = {"ExistingSessionsTable": "restored", "ExistingCheckpointsTable": "restored-too"}
    assert dict(Stack(STACK.path, others).tables()) == dict(STACK.tables())


@pytest.mark.parametrize(
    ("table", "variable", "functions"),
    [
        ("ExistingSessionsTable", "SESSIONS_TABLE", set(load_functions(STACK))),
        ("ExistingCheckpointsTable", "CHECKPOINTS_TABLE", AGENTS | {"PurgeFunction"}),
    ],
)
def test_functions_policies_and_dashboard_follow_a_named_table(table: str, variable: str, functions: set[str]) -> None:
    given = Stack(STACK.path, {table: "restored"})
    using = {name for name, one in load_functions(given).items() if one.environment.get(variable) == "restored"}
    reaching = {name for name, granted in statements(given).items() if "table/restored" in str(granted)}
    assert using == reaching == functions
    own = f"chatkeep-{table.removeprefix('Existing')}"
    ((_, dashboard),) = given.nested("Monitoring").of_type("AWS::CloudWatch::Dashboard")
    assert '"restored"' in dashboard["DashboardBody"]
    assert own not in dashboard["DashboardBody"]
    assert own not in str(statements(given)) + str(load_functions(given))


def test_the_indexes_of_a_named_table_are_reached_too() -> None:
    granted = statements(Stack(STACK.path, {"ExistingSessionsTable": "restored"}))
    for function, index in (("SessionsFunction", "ActivityIndex"), ("SweepFunction", "DueIndex")):
        resources = [resource for one in granted[function] for resource in one["Resource"]]
        assert f"arn:aws:dynamodb:us-east-1:123456789012:table/restored/index/{index}" in resources


@pytest.mark.parametrize("key", ["", "arn:aws:kms:us-east-1:123456789012:key/0a1b"])
def test_tables_and_secrets_are_encrypted_with_the_key_that_is_named(key: str) -> None:
    storage = Stack(STORAGE, {"KmsKeyArn": key})
    secrets = dict(storage.of_type("AWS::SecretsManager::Secret"))
    assert {name: secret.get("KmsKeyId", "") for name, secret in secrets.items()} == dict.fromkeys(SECRETS, key)
    for _, table in storage.of_type("AWS::DynamoDB::Table"):
        ours = {"SSEType": "KMS", "KMSMasterKeyId": key} if key else {}
        assert table["SSESpecification"] == {"SSEEnabled": True} | ours
