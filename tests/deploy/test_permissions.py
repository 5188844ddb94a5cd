"""IAM is enforced: what a function may do it may do because of the template's policy, and nothing else."""

import json
import time
from typing import Any

import httpx

from chatkeep.models import due
from infra.build import ROOT
from tests.deploy.deployment import Deployment
from tests.deploy.emulator import SECONDS_TO_ANSWER
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
    assert sweep(development) == {"repaired": 1, "due": 0}
    assert sweep(development) == {"repaired": 0, "due": 0}


def test_a_deletion_for_good_is_carried_out_at_once_and_by_the_sweep_where_nobody_was_told(
    development: Deployment, ada: httpx.Client
) -> None:
    assert finished(ada, delete_for_good(ada))
    with policy_without(development, "SessionsFunction", "lambda:InvokeFunction"):
        receipt = delete_for_good(ada)
        assert ada.get(f"/deletions/{receipt}").json()["status"] == "pending"
    assert sweep(development) == {"repaired": 0, "due": 1}
    assert finished(ada, receipt)


def delete_for_good(client: httpx.Client) -> str:
    """A new session's; the id of the receipt."""
    session_id = client.post("/sessions", json={}).json()["session_id"]
    return str(client.delete(f"/sessions/{session_id}?permanent=true").json()["deletion_id"])


def finished(client: httpx.Client, receipt: str) -> bool:
    """Whether the deletion is done before the patience ends."""
    ends = time.monotonic() + SECONDS_TO_ANSWER
    while (status := client.get(f"/deletions/{receipt}").json()["status"]) != "done" and time.monotonic() < ends:
        time.sleep(0.5)
    return bool(status == "done")


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
        UpdateExpression="SET lease_turn_id = :turn, lease_owner = :owner, due_at = :at, due_shard = :shard",
        ExpressionAttributeValues={
            ":turn": {"S": "01900000-0000-7000-8000-000000000000"},
            ":owner": {"S": "01900000-0000-7000-8000-000000000000@1"},
            ":at": {"N": "1"},
            ":shard": {"S": due.shard(session_id)},
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
