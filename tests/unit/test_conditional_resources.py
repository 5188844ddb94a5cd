"""Whatever parameters a deployment has, no template refers to a resource that it then does not create."""

from pathlib import Path
from typing import Any

import pytest

from infra.expanded_stack import AbsentError, ExpandedStack
from infra.expansion import ROOT, TEMPLATE, expand, nested
from infra.local.intrinsics import load
from tests.parameter_values import combinations

ROLLOUTS = ("AllAtOnce", "Canary10Percent5Minutes")
"""One without CodeDeploy, and one with it."""
EXPANDED = {rollout: expand(load(TEMPLATE), {"Rollout": rollout}) for rollout in ROLLOUTS}
NESTED = {path: load(ROOT / path) for path in nested(EXPANDED["AllAtOnce"])}
TEMPLATES = {f"template.yaml, {rollout}": one for rollout, one in EXPANDED.items()} | NESTED

BROKEN: dict[str, Any] = {
    "Parameters": {"ApiLogging": {"Type": "String", "AllowedValues": ["off", "manage"]}},
    "Conditions": {"Manages": {"Fn::Equals": [{"Ref": "ApiLogging"}, "manage"]}},
    "Resources": {"Role": {"Type": "AWS::IAM::Role", "Condition": "Manages"}},
}


def missing(template: dict[str, Any], told: dict[str, Any]) -> list[str]:
    """What a combination of parameters would leave a reference to, but not create."""
    found = []
    for parameters in combinations(template, told):
        deployment = ExpandedStack(template, parameters)
        try:
            there, _ = deployment.resources, deployment.outputs
        except AbsentError as error:
            found.append(f"{error} with {parameters}")
            continue
        found += [f"{one} with {parameters}" for resource in there.values() for one in depends(resource) - set(there)]
    return found


def depends(resource: dict[str, Any]) -> set[str]:
    on = resource.get("DependsOn", [])
    return {on} if isinstance(on, str) else set(on)


@pytest.mark.parametrize("rollout", [ROLLOUTS[0], pytest.param(ROLLOUTS[1], marks=pytest.mark.thorough)])
def test_what_the_template_refers_to_is_there_in_each_combination_of_parameters(rollout: str) -> None:
    assert missing(EXPANDED[rollout], {"Rollout": rollout}) == []


@pytest.mark.parametrize("path", NESTED)
def test_what_a_nested_template_refers_to_is_there_in_each_combination_of_parameters(path: str) -> None:
    assert missing(NESTED[path], {}) == []


def test_the_nested_templates_are_all_there_are() -> None:
    files = {str(path.relative_to(ROOT)) for path in Path(ROOT / "infra").glob("*.yaml")}
    assert {path for path in files if "Resources" in load(ROOT / path)} == set(NESTED)


@pytest.mark.parametrize(
    "reference",
    [
        {"DependsOn": "Role"},
        {"DependsOn": ["Role"]},
        {"Properties": {"Role": {"Ref": "Role"}}},
        {"Properties": {"Role": {"Fn::GetAtt": ["Role", "Arn"]}}},
        {"Properties": {"Role": {"Fn::Sub": "${Role.Arn}/*"}}},
        {"Properties": {"Roles": [{"Fn::If": ["Manages", "a role", {"Ref": "Role"}]}]}},
    ],
    ids=str,
)
def test_a_reference_to_what_is_not_there_is_found(reference: dict[str, Any]) -> None:
    resources = BROKEN["Resources"] | {"Api": {"Type": "AWS::ApiGateway::RestApi"} | reference}
    assert missing(BROKEN | {"Resources": resources}, {}) == ["Role with {'ApiLogging': 'off'}"]


def test_a_reference_under_the_same_condition_is_none() -> None:
    logged = {"Fn::If": ["Manages", {"Ref": "Role"}, {"Ref": "AWS::NoValue"}]}
    resources = BROKEN["Resources"] | {"Api": {"Type": "AWS::ApiGateway::RestApi", "Properties": {"Role": logged}}}
    assert missing(BROKEN | {"Resources": resources}, {}) == []


@pytest.mark.parametrize("path", TEMPLATES)
def test_a_resource_with_a_computed_deletion_policy_is_always_there(path: str) -> None:
    # https://github.com/aws-cloudformation/cfn-language-discussion/issues/124: it fails the change set where it is not.
    resources = TEMPLATES[path]["Resources"].items()
    computed = [name for name, one in resources if not isinstance(one.get("DeletionPolicy", ""), str)]
    assert [name for name in computed if "Condition" in TEMPLATES[path]["Resources"][name]] == []
