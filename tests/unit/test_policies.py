"""Rules about the functions' policies: no more than each needs, and in force in the tests."""

from typing import Any

import boto3
import pytest

from infra.expanded_stack import ExpandedStack
from infra.expansion import TEMPLATE, expand
from infra.local.intrinsics import load
from infra.local.stack import Stack
from infra.local.template import load_functions
from tests.client import STACK
from tests.engines import Engine
from tests.permissions import AccessDeniedError, granted, only, statements

STATEMENTS = statements(STACK)
EXPANDED = expand(load(TEMPLATE))
ROLES = ExpandedStack(EXPANDED, {}).resources
READS = {"dynamodb:BatchGetItem", "dynamodb:GetItem", "dynamodb:Query"}
GET_SECRET = "secretsmanager:GetSecretValue"
INVOKE = "lambda:InvokeFunction"
AGENTS = {"ChatFunction", "StreamFunction", "WorkerFunction"}
"""The functions that run turns."""
SESSIONS_TABLE = "chatkeep-SessionsTable"


def actions(function: str) -> set[str]:
    return {action for statement in STATEMENTS[function] for action in statement["Action"]}


@pytest.mark.parametrize("function", STATEMENTS)
def test_a_policy_names_each_action_and_none_on_a_whole_table(function: str) -> None:
    assert not any("*" in action or action.endswith("Table") for action in actions(function))
    assert function == "PurgeFunction" or "dynamodb:Scan" not in actions(function)


@pytest.mark.parametrize("function", STATEMENTS)
def test_a_policy_names_each_table_it_is_about(function: str) -> None:
    in_dynamodb = [one for one in STATEMENTS[function] if one["Action"][0].startswith("dynamodb:")]
    assert not any("*" in resource for statement in in_dynamodb for resource in statement["Resource"])


@pytest.mark.parametrize("function", STATEMENTS)
def test_an_index_is_only_queried(function: str) -> None:
    of_indexes = [one for one in STATEMENTS[function] if any("/index/" in resource for resource in one["Resource"])]
    assert {action for one in of_indexes for action in one["Action"]} <= {"dynamodb:Query"}


def test_stats_only_reads() -> None:
    assert actions("StatsFunction") <= READS


def test_only_what_removes_sessions_and_what_sets_timers_or_ends_jobs_may_delete_items() -> None:
    deleting = {name for name in STATEMENTS if "dynamodb:DeleteItem" in actions(name)}
    assert deleting == {"PurgeFunction", "SessionsFunction", "WorkerFunction"}
    for name in deleting:
        (allowed,) = [one for one in STATEMENTS[name] if "dynamodb:DeleteItem" in one["Action"]]
        assert allowed["Resource"] == [STACK.nested("Storage").output("SessionsTableArn")]


def test_jobs_and_turns_are_handed_to_the_alias_that_carries_them_out_by_those_who_find_them_due() -> None:
    invoking = {name: one["Resource"] for name in STATEMENTS for one in STATEMENTS[name] if INVOKE in one["Action"]}
    purge, worker = (STACK.attribute(f"{name}Function.Alias", "Ref") for name in ("Purge", "Worker"))
    of_turns = {"ChatFunction": [worker], "StreamFunction": [worker]}
    assert invoking == {**of_turns, "SessionsFunction": [purge], "SweepFunction": [purge, worker]}
    for variable, alias in (("JOBS_FUNCTION", purge), ("TURNS_FUNCTION", worker)):
        told = {name: one.environment[variable] for name, one in load_functions(STACK).items()}
        assert told == {name: alias if alias in invoking.get(name, []) else "" for name in STATEMENTS}


def test_a_function_reads_its_own_secret_and_no_other() -> None:
    keyed = statements(Stack(STACK.path, {"OpenAiKeyArn": "arn:key"}))
    reading = {
        name: one["Resource"] for name in keyed for one in keyed[name] if one["Action"][0].startswith("secretsmanager:")
    }
    assert reading == {
        "SessionsFunction": [STACK.nested("Storage").output(f"{name}SecretArn") for name in ("Cursor", "Erasure")],
        **{name: ["arn:key"] for name in AGENTS},
    }
    assert {one for name in STATEMENTS for one in actions(name) if "secret" in one} == {GET_SECRET}
    assert not [name for name in AGENTS if GET_SECRET in actions(name)]  # without a key there is none to read


def test_only_those_that_run_turns_may_call_models_and_only_models() -> None:
    known = ("dynamodb:", "secretsmanager:", INVOKE)
    assert {name for name in STATEMENTS if any(not one.startswith(known) for one in actions(name))} == AGENTS
    for name in AGENTS:
        (models,) = [one for one in STATEMENTS[name] if one["Action"][0].startswith("bedrock:")]
        assert set(models["Action"]) == {"bedrock:InvokeModel", "bedrock:InvokeModelWithResponseStream"}
        assert all(":foundation-model/" in one or ":inference-profile/" in one for one in models["Resource"])


@pytest.mark.parametrize("function", STATEMENTS)
def test_a_function_may_decrypt_with_the_key_that_is_named_and_do_nothing_else_with_it(function: str) -> None:
    key = "arn:aws:kms:us-east-1:123456789012:key/0a1b"
    given = statements(Stack(STACK.path, {"KmsKeyArn": key}))[function]
    added = {"Effect": "Allow", "Action": ["kms:Decrypt"], "Resource": [key]}
    assert given == [*STATEMENTS[function], added]


@pytest.mark.parametrize("function", STATEMENTS)
def test_a_role_is_the_functions_alone_and_holds_its_policy_and_its_log(function: str) -> None:
    role = ROLES[f"{function}Role"]["Properties"]
    (trust,) = role["AssumeRolePolicyDocument"]["Statement"]
    assert trust["Principal"] == {"Service": ["lambda.amazonaws.com"]}
    assert managed(ROLES, function) == {"AWSLambdaBasicExecutionRole"}
    assert len(role["Policies"]) == 1
    assert not [one for one in STATEMENTS[function] if "*" in one["Resource"] or one["Effect"] != "Allow"]


@pytest.mark.parametrize("function", STATEMENTS)
def test_a_function_that_traces_may_send_to_x_ray_and_only_then_has_opentelemetry(function: str) -> None:
    active = {"Tracing": "Active"}
    traced = ExpandedStack(expand(load(TEMPLATE), active), active).resources
    assert managed(traced, function) == {"AWSLambdaBasicExecutionRole", "AWSXrayWriteOnlyAccess"}
    of_both = [found[function]["Properties"] for found in (ROLES, traced)]
    assert [one.get("TracingConfig") for one in of_both] == [None, {"Mode": "Active"}]
    plain, with_tracing = (str(one["Layers"]) for one in of_both)
    assert ("TracingLayer" in plain, "TracingLayer" in with_tracing) == (False, True)


def managed(resources: dict[str, Any], function: str) -> set[str]:
    """The managed policies of a function's role."""
    arns = resources[f"{function}Role"]["Properties"]["ManagedPolicyArns"]
    return {arn.rpartition("/")[2] for arn in arns}


def test_only_this_api_and_the_schedule_may_invoke_a_function() -> None:
    for permission in ExpandedStack(EXPANDED, {}).of_type("AWS::Lambda::Permission").values():
        source = permission["SourceArn"]
        if permission["Principal"] == "events.amazonaws.com":
            assert source in ("SweepFunctionEveryFiveMinutes.Arn", "PurgeFunctionOrphans.Arn")
        else:
            assert permission["Principal"] == "apigateway.amazonaws.com"
            assert ":123456789012:Api.Ref/" in source


def test_only_turns_reach_the_checkpoints_and_purge_which_reads_and_changes_none() -> None:
    reaching = {
        name: {action for action, place in pairs if "Checkpoints" in place} for name, pairs in granted(STACK).items()
    }
    assert {name for name, done in reaching.items() if done} == AGENTS | {"PurgeFunction"}
    assert reaching["PurgeFunction"] == {"BatchWriteItem", "Query", "Scan"}


def test_a_function_is_refused_what_its_policy_does_not_name(engine: Engine) -> None:
    client = boto3.client("dynamodb", endpoint_url=engine.endpoint)
    key = {"pk": {"S": "USER#nobody"}, "sk": {"S": "TOTALS"}}
    put = {"Put": {"TableName": SESSIONS_TABLE, "Item": key}}
    with only(granted(STACK)["StatsFunction"]):
        assert "Item" not in client.get_item(TableName=SESSIONS_TABLE, Key=key)
        with pytest.raises(AccessDeniedError, match="PutItem"):
            client.transact_write_items(TransactItems=[put])
