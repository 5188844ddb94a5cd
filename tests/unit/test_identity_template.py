"""Rules about infra/identity.yaml: who gets in, and how."""

from typing import Any

import pytest

from infra.expansion import ROOT, TEMPLATE
from infra.local.intrinsics import load
from infra.local.stack import Stack

IDENTITY = ROOT / "infra" / "identity.yaml"


def pool(**parameters: str) -> dict[str, Any]:
    """The user pool of a deployment with these parameters."""
    ((_, properties),) = Stack(TEMPLATE, parameters).nested("Identity").of_type("AWS::Cognito::UserPool")
    return properties


@pytest.mark.parametrize(
    ("parameters", "is_closed"), [({}, True), ({"SelfSignUp": "false"}, True), ({"SelfSignUp": "true"}, False)]
)
def test_only_an_operator_makes_users_unless_sign_up_is_opened(parameters: dict[str, str], is_closed: bool) -> None:
    assert pool(**parameters)["AdminCreateUserConfig"] == {"AllowAdminCreateUserOnly": is_closed}


@pytest.mark.parametrize("mfa", ["OFF", "OPTIONAL", "ON"])
def test_a_second_factor_comes_from_an_app_and_never_by_text_message(mfa: str) -> None:
    assert pool()["MfaConfiguration"] == "OFF"
    properties = pool(Mfa=mfa)
    assert properties["MfaConfiguration"] == mfa
    assert properties.get("EnabledMfas") == (None if mfa == "OFF" else ["SOFTWARE_TOKEN_MFA"])
    assert not {"SmsConfiguration", "SmsAuthenticationMessage"} & set(properties)


def test_a_client_keeps_no_secret_and_does_not_tell_who_has_an_account() -> None:
    ((_, client),) = Stack(TEMPLATE, {}).nested("Identity").of_type("AWS::Cognito::UserPoolClient")
    assert not client["GenerateSecret"]
    assert client["PreventUserExistenceErrors"] == "ENABLED"
    assert "ALLOW_USER_PASSWORD_AUTH" not in client["ExplicitAuthFlows"]


@pytest.mark.parametrize(("environment", "protection"), [("production", "ACTIVE"), ("development", "INACTIVE")])
def test_a_pool_is_protected_from_deletion_in_production_and_only_there(environment: str, protection: str) -> None:
    assert pool(Environment=environment)["DeletionProtection"] == protection


@pytest.mark.parametrize("name", ["UserPool", "UserPoolClient"])
def test_a_pool_and_its_client_outlive_their_stack_in_production_and_only_there(name: str) -> None:
    resource = load(IDENTITY)["Resources"][name]
    kept = {"Fn::If": ["IsProduction", "Retain", "Delete"]}
    assert (resource.get("DeletionPolicy"), resource.get("UpdateReplacePolicy")) == (kept, kept)
