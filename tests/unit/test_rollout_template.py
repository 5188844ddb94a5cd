"""Rules about deployments that go out gradually: what CodeDeploy is given, and which alarms turn it back."""

from functools import cache
from typing import Any

import pytest

from infra.expanded_stack import ExpandedStack
from infra.expansion import ROOT, TEMPLATE, expand
from infra.local.intrinsics import load

SOURCE = load(TEMPLATE)
ROLLOUTS = SOURCE["Parameters"]["Rollout"]["AllowedValues"]
GRADUAL = [rollout for rollout in ROLLOUTS if rollout != "AllAtOnce"]
GROUPS = {f"{name}FunctionDeploymentGroup" for name in ("Sessions", "Chat", "Stream", "Stats")}


@cache
def deployment(rollout: str, topic: str = "") -> ExpandedStack:
    parameters = {"Rollout": rollout, "AlarmTopicArn": topic}
    return ExpandedStack(expand(SOURCE, parameters), parameters)


def new_versions(rollout: str, topic: str = "") -> ExpandedStack:
    """The nested stack with the alarms."""
    given = deployment(rollout, topic).resources["NewVersions"]["Properties"]
    return ExpandedStack(load(ROOT / given["TemplateURL"]), given["Parameters"])


def update_policies(stack: ExpandedStack) -> dict[str, Any]:
    aliases = {name: one for name, one in stack.resources.items() if one["Type"] == "AWS::Lambda::Alias"}
    return {name: one["UpdatePolicy"] for name, one in aliases.items() if "UpdatePolicy" in one}


def test_at_once_there_is_nothing_of_codedeploy() -> None:
    stack = deployment("AllAtOnce")
    assert not [name for name, one in stack.resources.items() if "::CodeDeploy::" in one["Type"]]
    assert not {"CodeDeployServiceRole", "NewVersions"} & set(stack.resources)
    assert update_policies(stack) == {}


@pytest.mark.parametrize("rollout", GRADUAL)
def test_codedeploy_moves_the_requests_as_it_was_told(rollout: str) -> None:
    groups = deployment(rollout).of_type("AWS::CodeDeploy::DeploymentGroup")
    assert set(groups) == GROUPS
    for group in groups.values():
        assert group["DeploymentConfigName"] == f"CodeDeployDefault.Lambda{rollout}"
        assert group["DeploymentStyle"]["DeploymentOption"] == "WITH_TRAFFIC_CONTROL"
        assert group["ServiceRoleArn"] == "CodeDeployServiceRole.Arn"


def test_codedeploy_may_do_what_aws_lets_it_do_for_lambda_and_nothing_else() -> None:
    role = deployment("Canary10Percent5Minutes").resources["CodeDeployServiceRole"]["Properties"]
    (trust,) = role["AssumeRolePolicyDocument"]["Statement"]
    assert trust["Principal"] == {"Service": ["codedeploy.amazonaws.com"]}
    assert [arn.rpartition("/")[2] for arn in role["ManagedPolicyArns"]] == ["AWSCodeDeployRoleForLambda"]
    assert "Policies" not in role


def test_every_alias_that_requests_go_to_is_moved_by_a_group_of_its_own() -> None:
    policies = update_policies(deployment("Canary10Percent5Minutes"))
    by = {name: one["CodeDeployLambdaAliasUpdate"]["DeploymentGroupName"] for name, one in policies.items()}
    assert by == {f"{group.removesuffix('DeploymentGroup')}Aliaslive": f"{group}.Ref" for group in GROUPS}


@pytest.mark.parametrize("group", sorted(GROUPS))
def test_a_group_turns_back_on_the_alarm_of_its_own_functions_new_version(group: str) -> None:
    service = group.removesuffix("FunctionDeploymentGroup")
    given = deployment("Canary10Percent5Minutes").of_type("AWS::CodeDeploy::DeploymentGroup")[group]
    alarms = given["AlarmConfiguration"]
    assert alarms == {"Enabled": True, "Alarms": [{"Name": f"NewVersions.Outputs.{service}Errors"}]}
    assert "DEPLOYMENT_STOP_ON_ALARM" in given["AutoRollbackConfiguration"]["Events"]
    assert new_versions("Canary10Percent5Minutes").outputs[f"{service}Errors"] == f"{service}ErrorsAlarm.Ref"


@pytest.mark.parametrize("service", ["Sessions", "Chat", "Stream", "Stats"])
def test_an_alarm_counts_the_errors_of_the_alias_requests_to_the_new_version_alone(service: str) -> None:
    stack = deployment("Canary10Percent5Minutes")
    version = stack.of_type("AWS::Lambda::Alias")[f"{service}FunctionAliaslive"]["FunctionVersion"]
    alarm = new_versions("Canary10Percent5Minutes").of_type("AWS::CloudWatch::Alarm")[f"{service}ErrorsAlarm"]
    function = f"{service}Function.Ref"
    dimensions = {one["Name"]: one["Value"] for one in alarm["Dimensions"]}
    assert dimensions == {"FunctionName": function, "Resource": f"{function}:live", "ExecutedVersion": version}
    assert (alarm["MetricName"], alarm["Statistic"], alarm["Threshold"]) == ("Errors", "Sum", 1)
    assert alarm["TreatMissingData"] == "notBreaching"


def test_an_alarm_notifies_the_topic_where_there_is_one() -> None:
    topic = "arn:aws:sns:us-east-1:123456789012:alarms"
    for alarm in new_versions("Canary10Percent5Minutes", topic).of_type("AWS::CloudWatch::Alarm").values():
        assert alarm["AlarmActions"] == alarm["OKActions"] == [topic]
    for alarm in new_versions("Canary10Percent5Minutes").of_type("AWS::CloudWatch::Alarm").values():
        assert not {"AlarmActions", "OKActions"} & set(alarm)


def test_an_alarm_tells_within_the_shortest_rollout() -> None:
    alarms = new_versions("Canary10Percent5Minutes").of_type("AWS::CloudWatch::Alarm").values()
    assert max(alarm["Period"] * alarm["EvaluationPeriods"] for alarm in alarms) <= 60


def test_each_version_has_an_alarm_of_its_own_so_that_none_begins_with_anothers_state() -> None:
    alarms = new_versions("Canary10Percent5Minutes").of_type("AWS::CloudWatch::Alarm").values()
    names = [alarm["AlarmName"] for alarm in alarms]
    versions = [
        next(one["Value"] for one in alarm["Dimensions"] if one["Name"] == "ExecutedVersion") for alarm in alarms
    ]
    assert len(set(names)) == len(set(versions)) == len(GROUPS)
    assert all(name.endswith(version) for name, version in zip(names, versions, strict=True))
