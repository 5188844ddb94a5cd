"""Rules about the functions' versions: requests reach them by an alias, and each change makes a new one."""

import re
from copy import deepcopy
from typing import Any

import pytest

from infra.expanded_stack import ExpandedStack
from infra.expansion import TEMPLATE, expand
from infra.local.intrinsics import PSEUDO_PARAMETERS, load
from infra.local.stack import Stack as SourceStack
from infra.local.template import load_schedules
from tests.parameter_values import VALUES

SOURCE = load(TEMPLATE)
EXPANDED = expand(SOURCE)
STACK = ExpandedStack(EXPANDED, {})
FUNCTIONS = STACK.of_type("AWS::Lambda::Function")
ALL = set(FUNCTIONS)
ENVIRONMENT = {"Environment": {"Variables": {"NEW": "1"}}}
CHANGES: list[tuple[str, dict[str, Any], set[str]]] = [
    ("SharedLayer", {"ContentUri": "s3://bucket/other"}, ALL),
    ("ChatLayer", {"ContentUri": "s3://bucket/other"}, {"ChatFunction", "StreamFunction", "WorkerFunction"}),
    *((name, {"CodeUri": "s3://bucket/other"}, {name}) for name in FUNCTIONS),
    *((name, ENVIRONMENT, {name}) for name in FUNCTIONS),
    *((name, {"Timeout": 5}, {name}) for name in FUNCTIONS),
    *((name, {"MemorySize": 1024}, {name}) for name in FUNCTIONS),
]
"""A resource of the template, what it has then, and the functions that this changes."""


def versions(template: dict[str, Any], **parameters: Any) -> dict[str, tuple[str, str]]:
    """CloudFormation's identity of each function's version: another text is another version."""
    stack = ExpandedStack(template, parameters)
    (settings,) = stack.of_type("AWS::AppConfig::HostedConfigurationVersion").values()
    published = stack.of_type("AWS::Lambda::Version")
    pairs = [(alias["FunctionName"], logical_id_of(alias["FunctionVersion"])) for alias in aliases(stack).values()]
    return {
        logical_id_of(function): (name, published[name]["Description"].replace("SettingsVersion.Ref", str(settings)))
        for function, name in pairs
    }


def aliases(stack: ExpandedStack) -> dict[str, Any]:
    return stack.of_type("AWS::Lambda::Alias")


def logical_id_of(reference: str) -> str:
    return reference.partition(".")[0]


def changed(then: dict[str, Any], now: dict[str, Any]) -> set[str]:
    assert set(then) == set(now) == ALL
    return {name for name in ALL if then[name] != now[name]}


def other(name: str) -> Any:
    """A value that a parameter may have beside its default."""
    declared = SOURCE["Parameters"][name]
    allowed = [one for one in declared.get("AllowedValues", []) if one != declared.get("Default")]
    if allowed:
        return allowed[-1]
    return VALUES.get(name) or (declared["Default"] + 1 if declared["Type"] == "Number" else f"{declared['Default']}x")


def test_every_function_has_one_alias_and_that_one_version() -> None:
    assert {alias["Name"] for alias in aliases(STACK).values()} == {"live"}
    assert set(versions(EXPANDED)) == ALL
    assert len(STACK.of_type("AWS::Lambda::Version")) == len(aliases(STACK)) == len(ALL)


def test_every_request_goes_to_an_alias() -> None:
    (api,) = STACK.of_type("AWS::ApiGateway::RestApi").values()
    operations = [operation for path in api["Body"]["paths"].values() for operation in path.values()]
    integrations = [operation["x-amazon-apigateway-integration"] for operation in operations]
    invoked = [
        re.search(r"functions/(\w+)\.(\w+)/(?:response-streaming-)?invocations", one["uri"])
        for one in integrations
        if "uri" in one
    ]
    assert len(invoked) > 15
    assert {match and match.groups() for match in invoked} <= {(name, "Ref") for name in aliases(STACK)}


def test_schedules_invoke_aliases() -> None:
    invoked = [target["Arn"] for rule in STACK.of_type("AWS::Events::Rule").values() for target in rule["Targets"]]
    assert sorted(invoked) == ["PurgeFunctionAliaslive.Ref", "SweepFunctionAliaslive.Ref"]


def test_only_aliases_may_be_invoked() -> None:
    allowed = {one["FunctionName"] for one in STACK.of_type("AWS::Lambda::Permission").values()}
    assert allowed == {f"{name}.Ref" for name in aliases(STACK)}


def test_an_invocation_of_purge_that_came_to_nothing_is_left_to_the_sweep() -> None:
    config = events_of("PurgeFunction")
    (schedule,) = (one for one in load_schedules(SourceStack(TEMPLATE, {})) if one.function == "SweepFunction")
    assert config["MaximumRetryAttempts"] == 0
    assert config["MaximumEventAgeInSeconds"] <= schedule.seconds


def events_of(function: str) -> dict[str, Any]:
    """What becomes of the events for a function's alias that nobody waits for."""
    configs = STACK.of_type("AWS::Lambda::EventInvokeConfig").values()
    (found,) = [one for one in configs if one["FunctionName"] == f"{function}.Ref"]
    assert found["Qualifier"] == "live"
    return dict(found)


def test_an_invocation_of_worker_that_failed_is_tried_twice_again() -> None:
    assert events_of("WorkerFunction")["MaximumRetryAttempts"] == 2


def test_a_deployment_without_changes_publishes_nothing() -> None:
    assert versions(expand(SOURCE)) == versions(EXPANDED)


@pytest.mark.parametrize(
    ("resource", "properties", "functions"), CHANGES, ids=[f"{one[0]} {one[1]}" for one in CHANGES]
)
def test_a_change_of_the_template_or_of_what_was_built_is_a_new_version(
    resource: str, properties: dict[str, Any], functions: set[str]
) -> None:
    template = deepcopy(SOURCE)
    template["Resources"][resource]["Properties"].update(properties)
    assert changed(versions(EXPANDED), versions(expand(template))) == functions


def test_a_change_of_what_only_functions_have_that_trace_is_a_new_version_of_those() -> None:
    template, traced = deepcopy(SOURCE), {"Tracing": "Active"}
    template["Resources"]["TracingLayer"]["Properties"]["ContentUri"] = "s3://bucket/other"
    assert changed(versions(EXPANDED), versions(expand(template))) == set()
    assert changed(versions(EXPANDED, **traced), versions(expand(template), **traced)) == ALL


@pytest.mark.parametrize("name", sorted(set(SOURCE["Parameters"]) - {"Rollout"}))
def test_a_parameters_value_is_a_new_version_where_it_changes_a_function_and_nowhere_else(name: str) -> None:
    """Lambda refuses to publish what has not changed: a version without a change would fail the deployment."""
    now = {name: other(name)}
    functions = changed(FUNCTIONS, ExpandedStack(EXPANDED, now).of_type("AWS::Lambda::Function"))
    assert changed(versions(EXPANDED), versions(EXPANDED, **now)) == (ALL if functions else set())


def test_how_a_deployment_goes_over_is_no_change_of_a_function() -> None:
    gradual = {"Rollout": "Canary10Percent5Minutes"}
    assert versions(expand(SOURCE, gradual), **gradual) == versions(EXPANDED)


def test_the_settings_have_what_functions_are_told_of_other_resources() -> None:
    def outputs(part: Any) -> set[str]:
        return set(re.findall(r"\w+\.Outputs\.\w+", str(part)))

    (settings,) = STACK.of_type("AWS::AppConfig::HostedConfigurationVersion").values()
    assert outputs(FUNCTIONS) == outputs(settings)


def test_the_settings_of_two_stacks_in_an_account_have_names_of_their_own() -> None:
    """AppConfig takes a name where it takes an id, and no more than 64 characters; a stack's name may have 128."""
    (application,) = STACK.of_type("AWS::AppConfig::Application").values()
    unique = PSEUDO_PARAMETERS["AWS::StackId"].rpartition("/")[2]  # on AWS 36 characters
    assert application["Name"] == f"chatkeep-{unique}"
    assert PSEUDO_PARAMETERS["AWS::StackName"] in application["Description"]


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_changes_with_the_number_of_its_settings_so_that_lambda_publishes_it(name: str) -> None:
    assert "SettingsVersion.Ref" in FUNCTIONS[name]["Description"]


def test_sam_still_publishes_nothing_for_a_parameters_value() -> None:
    """Where it does, the template needs no Settings: https://github.com/aws/serverless-application-model/issues/3820"""
    told = {"LogLevel": "DEBUG"}
    names = [{name for name, _ in versions(expand(SOURCE, given), **told).values()} for given in ({}, told)]
    assert names[0] == names[1]


def test_a_version_goes_with_the_deployment_that_replaced_it_or_that_failed() -> None:
    """One of a failed deployment that stayed would be what Lambda has: the next try would have nothing to publish."""
    declared = [one for one in EXPANDED["Resources"].values() if one["Type"] == "AWS::Lambda::Version"]
    kept = {(one.get("DeletionPolicy", "Delete"), one.get("UpdateReplacePolicy", "Delete")) for one in declared}
    assert kept == {("Delete", "Delete")}
