"""An update of a stack that is in use: what was asked for changes, and everything else stays as it was."""

import httpx
import pytest

from tests.deploy.deployment import Deployment, Package
from tests.deploy.talk import Talk, ask

ORIGIN = "https://chat.example.com"


@pytest.fixture(scope="module")
def before(development: Deployment, talk: Talk) -> dict[str, str]:
    return development.nested("Storage") | development.nested("Identity")


@pytest.fixture(scope="module")
def updated(packaged: Package, development: Deployment, before: dict[str, str]) -> Deployment:
    assert development.functions["StatsFunction"]["Environment"]["Variables"]["ALLOWED_ORIGIN"] == "*"
    updated = packaged.deploy(
        "default", AllowedOrigin=ORIGIN, AllowedModels="bedrock:*", BedrockModels="anthropic.*", ApiLogging="manage"
    )
    updated.grant()
    return updated


def test_the_change_reaches_every_function(updated: Deployment) -> None:
    for function in updated.functions.values():
        assert function["Environment"]["Variables"]["ALLOWED_ORIGIN"] == ORIGIN


@pytest.fixture
def client(updated: Deployment, ada_token: str) -> httpx.Client:
    return updated.client(ada_token)


def test_browsers_on_that_origin_are_let_in(client: httpx.Client) -> None:
    answer = client.get("/sessions", headers={"Origin": ORIGIN})
    assert answer.headers["Access-Control-Allow-Origin"] == ORIGIN


def test_tables_and_users_are_the_same_ones(updated: Deployment, before: dict[str, str]) -> None:
    assert updated.nested("Storage") | updated.nested("Identity") == before


def test_the_conversation_goes_on(client: httpx.Client, talk: Talk) -> None:
    before = talk.answers[-1]["usage"]["input_tokens"]
    assert ask(client, talk, "And in spring?", key="after the update")["usage"]["input_tokens"] > before
    assert client.get(talk.path).json()["message_count"] == 8


def test_only_models_that_the_pattern_names_are_asked(client: httpx.Client) -> None:
    other = client.post("/sessions", json={"model_name": "bedrock:amazon.nova-lite-v1:0"}).json()["session_id"]
    refused = client.post(f"/sessions/{other}/messages", json={"content": "May I?"})
    assert (refused.status_code, refused.json()["code"]) == (503, "model_access_denied")


def test_api_gateway_gets_the_role_with_which_it_logs(updated: Deployment) -> None:
    account = updated.emulator.client("apigateway").get_account()
    assert f"role/{updated.name}-LogRole" in account["cloudwatchRoleArn"]
