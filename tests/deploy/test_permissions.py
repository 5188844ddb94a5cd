"""IAM is enforced: what a function may do it may do because of the template's policy, and nothing else."""

import json
from typing import Any

import httpx

from chatkeep.models.session import lease_shard
from infra.build import ROOT
from tests.deploy.deployment import Deployment
from tests.deploy.policies import policy_without
from tests.deploy.talk import Talk


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
    """Leave an expired lease, like a function that was killed in the middle of a turn."""
    dynamodb, table = deployment.emulator.client("dynamodb"), deployment.nested("Storage")["SessionsTableName"]
    header = {"sk": {"S": f"SESSION#{session_id}"}}
    found = dynamodb.scan(
        TableName=table, FilterExpression="sk = :sk", ExpressionAttributeValues={":sk": header["sk"]}
    )["Items"]
    dynamodb.update_item(
        TableName=table,
        Key=header | {"pk": found[0]["pk"]},
        UpdateExpression="SET lease_turn_id = :turn, lease_owner = :turn, lease_expires_at = :at, lease_shard = :shard",
        ExpressionAttributeValues={
            ":turn": {"S": "01900000-0000-7000-8000-000000000000"},
            ":at": {"N": "1"},
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
