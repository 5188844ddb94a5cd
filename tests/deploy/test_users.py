"""Who gets in: the invited, with a token of this stack's pool."""

import httpx
import pytest
from botocore.exceptions import ClientError

from tests.deploy.deployment import Deployment


def test_only_an_administrator_makes_users(development: Deployment, production: Deployment) -> None:
    for stack in (development, production):
        pools = stack.emulator.client("cognito-idp")
        pool = pools.describe_user_pool(UserPoolId=stack.outputs["UserPoolId"])["UserPool"]
        assert pool["AdminCreateUserConfig"]["AllowAdminCreateUserOnly"]


def test_an_invited_user_gets_in(ada: httpx.Client) -> None:
    answer = ada.get("/sessions")
    assert (answer.status_code, answer.json()["sessions"]) == (200, [])


def test_a_weak_password_is_refused(development: Deployment, ada_token: str) -> None:
    pool = development.outputs["UserPoolId"]
    cognito = development.emulator.client("cognito-idp")
    with pytest.raises(ClientError, match="InvalidPasswordException"):
        cognito.admin_set_user_password(UserPoolId=pool, Username="ada@example.com", Password="short", Permanent=True)


def test_no_token_is_401(development: Deployment) -> None:
    assert development.client(None).get("/sessions").status_code == 401


def test_a_token_that_was_tampered_with_is_401(development: Deployment, ada_token: str) -> None:
    header, claims, signature = ada_token.split(".")
    forged = ".".join((header, claims, signature[::-1]))
    assert development.client(forged).get("/sessions").status_code == 401


def test_a_token_of_the_other_stack_is_401(development: Deployment, production: Deployment) -> None:
    bob = production.invite("bob@example.com")
    assert production.client(bob).get("/sessions").status_code == 200
    assert development.client(bob).get("/sessions").status_code == 401


def test_there_is_no_stage_but_v1(development: Deployment, ada_token: str) -> None:
    api = httpx.URL(development.outputs["ApiUrl"]).host.split(".")[0]
    stages = development.emulator.client("apigateway").get_stages(restApiId=api)["item"]
    assert [stage["stageName"] for stage in stages] == ["v1"]
    assert development.client(ada_token, stage="Stage").get("/sessions").status_code in (403, 404)
