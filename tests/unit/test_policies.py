"""Rules about the functions' policies: no more than each needs, and in force in the tests."""

import boto3
import pytest

from infra.local.stack import Stack
from tests.client import STACK
from tests.engines import Engine
from tests.permissions import AccessDeniedError, granted, only, statements

STATEMENTS = statements(STACK)
READS = {"dynamodb:BatchGetItem", "dynamodb:GetItem", "dynamodb:Query"}
GET_SECRET = "secretsmanager:GetSecretValue"
SESSIONS_TABLE = "chatkeep-SessionsTable"


def actions(function: str) -> set[str]:
    return {action for statement in STATEMENTS[function] for action in statement["Action"]}


@pytest.mark.parametrize("function", STATEMENTS)
def test_a_policy_names_each_action_and_none_on_a_whole_table(function: str) -> None:
    assert not any("*" in action or action.endswith("Table") for action in actions(function))
    assert "dynamodb:Scan" not in actions(function)


@pytest.mark.parametrize("function", STATEMENTS)
def test_a_policy_names_each_table_it_is_about(function: str) -> None:
    in_dynamodb = [one for one in STATEMENTS[function] if one["Action"][0].startswith("dynamodb:")]
    assert not any("*" in resource for statement in in_dynamodb for resource in statement["Resource"])


def test_stats_only_reads() -> None:
    assert actions("StatsFunction") <= READS


def test_a_function_reads_its_own_secret_and_no_other() -> None:
    keyed = statements(Stack(STACK.path, {"OpenAiKeyArn": "arn:key"}))
    reading = {
        name: one["Resource"] for name in keyed for one in keyed[name] if one["Action"][0].startswith("secretsmanager:")
    }
    assert reading == {
        "SessionsFunction": [STACK.nested("Storage").output("CursorSecretArn")],
        "ChatFunction": ["arn:key"],
    }
    assert {one for name in STATEMENTS for one in actions(name) if "secret" in one} == {GET_SECRET}
    assert GET_SECRET not in actions("ChatFunction")  # without a key there is none to read


def test_only_chat_may_call_models_and_only_models() -> None:
    known = ("dynamodb:", "secretsmanager:")
    assert [name for name in STATEMENTS if any(not one.startswith(known) for one in actions(name))] == ["ChatFunction"]
    (models,) = [one for one in STATEMENTS["ChatFunction"] if one["Action"][0].startswith("bedrock:")]
    assert set(models["Action"]) == {"bedrock:InvokeModel", "bedrock:InvokeModelWithResponseStream"}
    assert all(":foundation-model/" in one or ":inference-profile/" in one for one in models["Resource"])


def test_only_chat_reaches_the_checkpoints() -> None:
    reaching = {name for name, pairs in granted(STACK).items() if any("Checkpoints" in place for _, place in pairs)}
    assert reaching == {"ChatFunction"}


def test_a_function_is_refused_what_its_policy_does_not_name(engine: Engine) -> None:
    client = boto3.client("dynamodb", endpoint_url=engine.endpoint)
    key = {"pk": {"S": "USER#nobody"}, "sk": {"S": "TOTALS"}}
    put = {"Put": {"TableName": SESSIONS_TABLE, "Item": key}}
    with only(granted(STACK)["StatsFunction"]):
        assert "Item" not in client.get_item(TableName=SESSIONS_TABLE, Key=key)
        with pytest.raises(AccessDeniedError, match="PutItem"):
            client.transact_write_items(TransactItems=[put])
