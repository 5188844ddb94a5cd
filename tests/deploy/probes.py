"""A try of each difference of the emulator: whether it is still so."""

import io
import json
import zipfile
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from botocore.exceptions import ClientError, WaiterError

from tests.deploy.deployment import PASSWORD, Deployment
from tests.deploy.emulator import REGION, Emulator
from tests.deploy.policies import policy_without

LEFT = "left-by-a-nested-stack"
TABLE = {
    "Type": "AWS::DynamoDB::Table",
    "DeletionPolicy": "Retain",
    "Properties": {
        "TableName": LEFT,
        "BillingMode": "PAY_PER_REQUEST",
        "AttributeDefinitions": [{"AttributeName": "pk", "AttributeType": "S"}],
        "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}],
    },
}
ALARM = {
    "Type": "AWS::CloudWatch::Alarm",
    "Properties": {
        "EvaluationPeriods": 1,
        "Threshold": 1,
        "ComparisonOperator": "GreaterThanThreshold",
        "Metrics": [{"Id": "total", "Expression": "TIME_SERIES(1)"}],
    },
}


def alarm_is_refused(deployment: Deployment, client: httpx.Client) -> bool:
    with pytest.raises(WaiterError):
        made(deployment.emulator, "an-alarm", {"Alarm": ALARM})
    events = deployment.emulator.client("cloudformation").describe_stack_events(StackName="an-alarm")["StackEvents"]
    return any("metric math" in event.get("ResourceStatusReason", "") for event in events)


def codedeploy_is_refused(deployment: Deployment, client: httpx.Client) -> bool:
    try:
        made(deployment.emulator, "an-application", {"Application": {"Type": "AWS::CodeDeploy::Application"}})
    except ClientError as error:
        return "Unrecognized resource types: [AWS::CodeDeploy::Application]" in str(error)
    return False


def secret_is_referred_to_by_name(deployment: Deployment, client: httpx.Client) -> bool:
    return not deployment.cursor_secret.startswith("arn:")


def converse_has_an_action_of_its_own(deployment: Deployment, client: httpx.Client) -> bool:
    session_id = client.post("/sessions", json={}).json()["session_id"]
    with policy_without(deployment, "ChatFunction", "bedrock:ConverseStream"):
        refused = client.post(f"/sessions/{session_id}/messages", json={"content": "May I?"})
    return bool(refused.json()["code"] == "model_access_denied")


def anybody_signs_up(deployment: Deployment, client: httpx.Client) -> bool:
    cognito, pool_client = deployment.emulator.client("cognito-idp"), deployment.outputs["UserPoolClientId"]
    return "UserSub" in cognito.sign_up(ClientId=pool_client, Username="eve@example.com", Password=PASSWORD)


def gateway_answers_by_itself(deployment: Deployment, client: httpx.Client) -> bool:
    return client.get("/nowhere").status_code == 403


def preflight_lacks_headers(deployment: Deployment, client: httpx.Client) -> bool:
    return "Access-Control-Allow-Methods" not in client.options("/sessions").headers


def stage_logs_nothing(deployment: Deployment, client: httpx.Client) -> bool:
    api = httpx.URL(deployment.outputs["ApiUrl"]).host.split(".")[0]
    stage = deployment.emulator.client("apigateway").get_stage(restApiId=api, stageName="v1")
    return not stage.get("accessLogSettings")


def tables_lack_features(deployment: Deployment, client: httpx.Client) -> bool:
    dynamodb, table = deployment.emulator.client("dynamodb"), deployment.nested("Storage")["SessionsTableName"]
    backups = dynamodb.describe_continuous_backups(TableName=table)["ContinuousBackupsDescription"]
    return {
        backups["PointInTimeRecoveryDescription"]["PointInTimeRecoveryStatus"],
        dynamodb.describe_time_to_live(TableName=table)["TimeToLiveDescription"]["TimeToLiveStatus"],
        dynamodb.describe_table(TableName=table)["Table"].get("SSEDescription", {}).get("Status", "DISABLED"),
    } == {"DISABLED"}


def restores_to_any_time(deployment: Deployment, client: httpx.Client) -> bool:
    dynamodb, table = deployment.emulator.client("dynamodb"), deployment.nested("Storage")["CheckpointsTableName"]
    long_ago = datetime(2001, 1, 1, tzinfo=UTC)
    dynamodb.restore_table_to_point_in_time(
        SourceTableName=table, TargetTableName="restored-from-2001", RestoreDateTime=long_ago
    )
    return "restored-from-2001" in dynamodb.list_tables()["TableNames"]


def nested_deletion_ignores_policies(deployment: Deployment, client: httpx.Client) -> bool:
    emulator = deployment.emulator
    emulator.client("s3").create_bucket(Bucket="templates", CreateBucketConfiguration={"LocationConstraint": REGION})
    emulator.client("s3").put_object(Bucket="templates", Key="nested", Body=json.dumps({"Resources": {"Table": TABLE}}))
    url = {"TemplateURL": f"{emulator.url}/templates/nested"}
    made(emulator, "a-parent", {"Nested": {"Type": "AWS::CloudFormation::Stack", "Properties": url}})
    assert LEFT in tables(emulator)
    cloudformation = emulator.client("cloudformation")
    cloudformation.delete_stack(StackName="a-parent")
    cloudformation.get_waiter("stack_delete_complete").wait(StackName="a-parent", WaiterConfig={"Delay": 1})
    return LEFT not in tables(emulator)


def no_metric_arrives(deployment: Deployment, client: httpx.Client) -> bool:
    metrics = deployment.emulator.client("cloudwatch").list_metrics()["Metrics"]
    return all(metric["Namespace"].startswith("AWS/") for metric in metrics)


def update_replaces_an_api(deployment: Deployment, client: httpx.Client) -> bool:
    cloudformation, stack = deployment.emulator.client("cloudformation"), Deployment(deployment.emulator, "an-api")
    made(deployment.emulator, "an-api", {"Api": api("before")})
    before = stack.physical("Api")
    cloudformation.update_stack(StackName="an-api", TemplateBody=json.dumps({"Resources": {"Api": api("after")}}))
    cloudformation.get_waiter("stack_update_complete").wait(StackName="an-api", WaiterConfig={"Delay": 1})
    return stack.physical("Api") != before


def api(title: str) -> dict[str, Any]:
    body = {"openapi": "3.0.1", "info": {"title": title, "version": "1"}, "paths": {}}
    return {"Type": "AWS::ApiGateway::RestApi", "Properties": {"Name": "an-api", "Body": body}}


def lines_pass_below_the_level(deployment: Deployment, client: httpx.Client) -> bool:
    logs = {"LogFormat": "JSON", "ApplicationLogLevel": "ERROR", "LogGroup": "/a-talkative-function"}
    run(deployment, "talkative", "__import__('logging').warning('below the level')", LoggingConfig=logs)
    events = deployment.emulator.client("logs").filter_log_events(logGroupName=logs["LogGroup"])["events"]
    return any("below the level" in event["message"] for event in events)


def functions_import_the_emulator(deployment: Deployment, client: httpx.Client) -> bool:
    return bool(run(deployment, "curious", "__import__('ministack').__name__") == "ministack")


def run(deployment: Deployment, name: str, expression: str, **configuration: Any) -> Any:
    """The result of a new function that only evaluates this expression."""
    code = io.BytesIO()
    with zipfile.ZipFile(code, "w") as archive:
        archive.writestr("code_of_it.py", f"def handler(event, context):\n    return {expression}\n")
    lambda_, role = deployment.emulator.client("lambda"), deployment.functions["StatsFunction"]["Role"]
    lambda_.create_function(
        FunctionName=name,
        Runtime="python3.13",
        Role=role,
        Handler="code_of_it.handler",
        Code={"ZipFile": code.getvalue()},
        **configuration,
    )
    lambda_.get_waiter("function_active_v2").wait(FunctionName=name)
    return json.load(lambda_.invoke(FunctionName=name)["Payload"])


def made(emulator: Emulator, name: str, resources: dict[str, Any]) -> None:
    """Create a stack. Raises WaiterError."""
    cloudformation = emulator.client("cloudformation")
    cloudformation.create_stack(StackName=name, TemplateBody=json.dumps({"Resources": resources}))
    cloudformation.get_waiter("stack_create_complete").wait(StackName=name, WaiterConfig={"Delay": 1})


def tables(emulator: Emulator) -> list[str]:
    return list(emulator.client("dynamodb").list_tables()["TableNames"])


def streams_fail(deployment: Deployment, client: httpx.Client) -> bool:
    session_id = client.post("/sessions", json={}).json()["session_id"]
    answer = client.post(f"/sessions/{session_id}/messages/stream", json={"content": "May I?"})
    return answer.status_code >= 500


TRIED: dict[str, Callable[[Deployment, httpx.Client], bool]] = {
    "metric-math alarms": alarm_is_refused,
    "action of ConverseStream": converse_has_an_action_of_its_own,
    "reference to a secret": secret_is_referred_to_by_name,
    "sign-up": anybody_signs_up,
    "gateway responses": gateway_answers_by_itself,
    "preflights": preflight_lacks_headers,
    "access log": stage_logs_nothing,
    "table features": tables_lack_features,
    "time of a restore": restores_to_any_time,
    "deletion of nested stacks": nested_deletion_ignores_policies,
    "metrics": no_metric_arrives,
    "log levels": lines_pass_below_the_level,
    "what a function can import": functions_import_the_emulator,
    "functions that stream": streams_fail,
    "CodeDeploy": codedeploy_is_refused,
    "address after an update": update_replaces_an_api,
}
