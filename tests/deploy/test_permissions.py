"""IAM is enforced: what a function may do it may do because of the template's policy, and nothing else."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx

from chatkeep.models.session import lease_shard
from infra.build import ROOT
from tests.deploy.conftest import Talk
from tests.deploy.deployment import Deployment


@contextmanager
def policy_without(deployment: Deployment, function: str, action: str) -> Iterator[None]:
    """The function's role with one action less, wherever it stands."""
    iam, role = deployment.emulator.client("iam"), deployment.physical(f"{function}Role")
    names = iam.list_role_policies(RoleName=role)["PolicyNames"]
    before = {name: iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"] for name in names}
    try:
        for name, document in before.items():
            put(iam, role, name, [less(statement, action) for statement in document["Statement"]])
        yield
    finally:
        for name, document in before.items():
            put(iam, role, name, document["Statement"])


def less(statement: dict[str, Any], action: str) -> dict[str, Any]:
    """A statement has at least one action, so one that is AWS's and does nothing here takes the place of the last."""
    kept = [one for one in statement["Action"] if one != action]
    return statement | {"Action": kept or ["dynamodb:ListTables"]}


def put(iam: Any, role: str, name: str, statements: list[dict[str, Any]]) -> None:
    document = json.dumps({"Version": "2012-10-17", "Statement": statements})
    iam.put_role_policy(RoleName=role, PolicyName=name, PolicyDocument=document)


def test_a_function_without_an_action_fails_and_works_again_with_it(
    development: Deployment, ada: httpx.Client, talk: Talk
) -> None:
    with policy_without(development, "StatsFunction", "dynamodb:Query"):
        assert ada.get("/stats/daily").status_code == 502
        assert ada.get("/stats").status_code == 200  # takes a GetItem
    assert ada.get("/stats/daily").status_code == 200


def test_the_sweep_runs_on_its_schedule_and_repairs_a_turn_that_died(
    development: Deployment, ada: httpx.Client
) -> None:
    session_id = ada.post("/sessions", json={}).json()["session_id"]
    leave_a_lease(development, session_id)
    assert sweep(development) == {"repaired": 1}
    assert sweep(development) == {"repaired": 0}


def leave_a_lease(deployment: Deployment, session_id: str) -> None:
    """What a function leaves behind that is killed in the middle of a turn, some time ago."""
    dynamodb, table = deployment.emulator.client("dynamodb"), deployment.nested("Storage")["SessionsTableName"]
    header = {"sk": {"S": f"SESSION#{session_id}"}}
    found = dynamodb.scan(
        TableName=table, FilterExpression="sk = :sk", ExpressionAttributeValues={":sk": header["sk"]}
    )["Items"]
    dynamodb.update_item(
        TableName=table,
        Key=header | {"pk": found[0]["pk"]},
        UpdateExpression="SET lease_turn_id = :turn, lease_owner = :turn, lease_expires_at = :then, lease_shard = :shard",
        ExpressionAttributeValues={
            ":turn": {"S": "01900000-0000-7000-8000-000000000000"},
            ":then": {"N": "1"},
            ":shard": {"S": lease_shard(session_id)},
        },
    )


def sweep(deployment: Deployment) -> Any:
    """Invoke what the schedule's rule invokes, with the event it sends."""
    events = deployment.emulator.client("events")
    rule = events.describe_rule(Name=deployment.physical("SweepFunctionEveryFiveMinutes"))
    assert (rule["ScheduleExpression"], rule["State"]) == ("rate(5 minutes)", "ENABLED")
    (target,) = events.list_targets_by_rule(Rule=rule["Name"])["Targets"]
    event = (ROOT / "tests" / "events" / "every_five_minutes.json").read_bytes()
    answer = deployment.emulator.client("lambda").invoke(FunctionName=target["Arn"], Payload=event)
    return json.load(answer["Payload"])
