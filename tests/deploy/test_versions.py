"""Versions of the functions: one answers, a change makes a new one, and a failed update leaves the old one."""

import json

import httpx
import pytest

from tests.deploy.deployment import FUNCTIONS, Deployment, Package

ORIGIN = "https://other.example.com"
ALIASES = [f"{name}Aliaslive" for name in FUNCTIONS]


def told(deployment: Deployment) -> set[str]:
    """The AllowedOrigin that the versions at the aliases have."""
    return {one["Environment"]["Variables"]["ALLOWED_ORIGIN"] for one in deployment.functions.values()}


def allowed(client: httpx.Client) -> str | None:
    """The origin that the version which answers a request lets in, where that is the request's or any."""
    answer = client.get("/sessions", headers={"Origin": ORIGIN})
    assert answer.status_code == 200, answer.text
    return answer.headers.get("Access-Control-Allow-Origin")


@pytest.fixture(scope="module")
def before(development: Deployment) -> dict[str, list[str]]:
    return development.versions


def test_each_function_has_one_version_and_the_alias_is_at_it(
    development: Deployment, before: dict[str, list[str]]
) -> None:
    assert {len(numbers) for numbers in before.values()} == {1}
    assert {name: [one["Version"]] for name, one in development.functions.items()} == before


def test_a_permission_is_one_to_invoke_the_alias(development: Deployment) -> None:
    client = development.emulator.client("lambda")
    for name in {*FUNCTIONS} - {"WorkerFunction"}:  # whom other functions invoke, by their roles alone
        policy = json.loads(client.get_policy(FunctionName=development.physical(name), Qualifier="live")["Policy"])
        assert {one["Resource"].rpartition(":")[2] for one in policy["Statement"]} == {"live"}


def test_a_deployment_without_changes_publishes_nothing(
    packaged: Package, development: Deployment, before: dict[str, list[str]]
) -> None:
    packaged.deploy("default")
    assert development.versions == before


@pytest.fixture(scope="module")
def failed(packaged: Package, development: Deployment, before: dict[str, list[str]]) -> Deployment:
    """An update that failed after all aliases had gone over."""
    with pytest.raises(AssertionError, match="UPDATE_ROLLBACK"):
        packaged.failing_after(*ALIASES).deploy("default", AllowedOrigin=ORIGIN)
    assert states(development, "Unfulfilled") & {"CREATE_FAILED", "UPDATE_FAILED"}
    assert "UPDATE_COMPLETE" in states(development, ALIASES[0])
    development.grant()
    return development


def states(deployment: Deployment, resource: str) -> set[str]:
    """All states that a resource of the stack has ever had."""
    pages = deployment.emulator.client("cloudformation").get_paginator("describe_stack_events")
    events = [one for page in pages.paginate(StackName=deployment.name) for one in page["StackEvents"]]
    return {one["ResourceStatus"] for one in events if one["LogicalResourceId"] == resource}


def test_a_failed_update_leaves_the_versions_that_were_there(
    failed: Deployment, before: dict[str, list[str]], ada_token: str
) -> None:
    assert failed.versions == before
    assert ORIGIN not in told(failed)
    assert allowed(failed.client(ada_token)) != ORIGIN


def test_the_same_update_can_be_tried_again_and_new_versions_take_the_place_of_the_old(
    packaged: Package, failed: Deployment, before: dict[str, list[str]], ada_token: str
) -> None:
    updated = packaged.deploy("default", AllowedOrigin=ORIGIN)
    updated.grant()
    assert told(updated) == {ORIGIN}
    assert allowed(updated.client(ada_token)) == ORIGIN
    assert {len(numbers) for numbers in updated.versions.values()} == {1}
    assert all(updated.versions[name] != before[name] for name in FUNCTIONS)
