"""Whatever parameters a deployment has, no template refers to a resource that it then does not create."""

import json
import re
from collections.abc import Iterator
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
    """A combination of parameters leaves a reference to each of these, but does not create it."""
    found = []
    for part in parts(template):
        for parameters in combinations(part, told):
            deployment = ExpandedStack(part, parameters)
            try:
                there, _ = deployment.resources, deployment.outputs
            except AbsentError as error:
                found.append(f"{error} with {parameters}")
                continue
            on = {one for resource in there.values() for one in depends(resource)}
            found += [f"{one} with {parameters}" for one in on - set(there)]
    return found


def parts(template: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The template for each resource and output: with that one alone, the conditions of those it names, and theirs.

    Nothing else can change whether that one refers to something absent, so that few parameters have to be combined.
    """
    resources = template["Resources"]
    bare = {name: {key: one[key] for key in ("Type", "Condition") if key in one} for name, one in resources.items()}
    for kind in ("Resources", "Outputs"):
        for name, one in template.get(kind, {}).items():
            words = set(re.findall(r"\w+", json.dumps(one)))
            part = {"Resources": {other: bare[other] for other in words & bare.keys()}, "Outputs": {}}
            part[kind] |= {name: one}
            conditions = closure(template.get("Conditions", {}), set(re.findall(r"\w+", json.dumps(part))))
            yield {**template, **part, "Conditions": conditions}


def closure(conditions: dict[str, Any], words: set[str]) -> dict[str, Any]:
    """The conditions among these words, and those that they are made of."""
    found = {name: conditions[name] for name in conditions.keys() & words}
    within = words | set(re.findall(r"\w+", json.dumps(found)))
    return found if within == words else closure(conditions, within)


def depends(resource: dict[str, Any]) -> set[str]:
    on = resource.get("DependsOn", [])
    return {on} if isinstance(on, str) else set(on)


@pytest.mark.parametrize("rollout", ROLLOUTS)
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
