"""Versions of the functions: one answers, a change makes a new one, and a failed update leaves the old one."""

from typing import Any

import httpx
import pytest

from tests.deploy.deployment import FUNCTIONS, Deployment, Package
from tests.deploy.talk import Talk

ORIGIN = "https://other.example.com"
ALIASES = [f"{name}Aliaslive" for name in FUNCTIONS]


def origins(deployment: Deployment) -> set[str]:
    """What the versions that answer are told of AllowedOrigin."""
    return {one["Environment"]["Variables"]["ALLOWED_ORIGIN"] for one in deployment.functions.values()}


@pytest.fixture(scope="module")
def before(development: Deployment, talk: Talk) -> dict[str, list[str]]:
    return development.versions


def test_each_function_has_one_version_and_the_alias_is_at_it(
    development: Deployment, before: dict[str, list[str]]
) -> None:
    assert {len(numbers) for numbers in before.values()} == {1}
    assert {name: [one["Version"]] for name, one in development.functions.items()} == before


def test_the_gateway_may_invoke_nothing_but_the_alias(development: Deployment) -> None:
    client = development.emulator.client("lambda")
    for name in FUNCTIONS:
        assert "live" in client.get_policy(FunctionName=development.physical(name), Qualifier="live")["Policy"]
        with pytest.raises(client.exceptions.ResourceNotFoundException):
            client.get_policy(FunctionName=development.physical(name))


def test_a_deployment_without_changes_publishes_nothing(
    packaged: Package, development: Deployment, before: dict[str, list[str]]
) -> None:
    packaged.deploy("default")
    development.grant()
    assert development.versions == before


@pytest.fixture(scope="module")
def failed(packaged: Package, development: Deployment, before: dict[str, list[str]]) -> Deployment:
    """An update that failed after all aliases had gone over."""
    with pytest.raises(AssertionError, match="Broken"):
        packaged.failing_after(*ALIASES).deploy("default", AllowedOrigin=ORIGIN)
    development.grant()
    return development


def test_a_failed_update_leaves_the_versions_that_were_there(failed: Deployment, before: dict[str, list[str]]) -> None:
    assert failed.versions == before
    assert ORIGIN not in origins(failed)


def test_the_conversation_goes_on_after_a_failed_update(failed: Deployment, ada_token: str, talk: Talk) -> None:
    assert turn(failed.client(ada_token), talk)["usage"]["input_tokens"] > 0


def turn(client: httpx.Client, talk: Talk) -> Any:
    answer = client.post(f"{talk.path}/messages", json={"content": "Is that still so?"})
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_the_same_update_can_be_tried_again_and_takes_the_place_of_the_old_versions(
    packaged: Package, failed: Deployment, before: dict[str, list[str]]
) -> None:
    packaged.deploy("default", AllowedOrigin=ORIGIN)
    failed.grant()
    assert origins(failed) == {ORIGIN}
    assert {len(numbers) for numbers in failed.versions.values()} == {1}
    assert all(failed.versions[name] != before[name] for name in FUNCTIONS)


def test_the_conversation_goes_on_with_the_new_versions(failed: Deployment, ada_token: str, talk: Talk) -> None:
    assert turn(failed.client(ada_token), talk)["usage"]["input_tokens"] > 0
