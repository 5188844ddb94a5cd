"""Clients that turns share: a process makes its clients of a provider once, and keeps their connections."""

from typing import Any
from unittest import mock

import pytest
from botocore.session import Session

from tests.chat import new_session, sent
from tests.client import Client
from tests.provider import bedrock_replies, openai_replies
from tests.provider.server import Provider

MODELS = {"bedrock": "bedrock:anthropic.claude-3-5-sonnet-20240620-v1:0", "endpoint": "openai:tiny"}
REPLIES: dict[str, Any] = {"bedrock": bedrock_replies.says("Hello"), "endpoint": openai_replies.says("Hello")}


@pytest.fixture(params=MODELS)
def model(request: pytest.FixtureRequest) -> tuple[str, Provider]:
    """A model's name, and the provider that is asked for it."""
    provider: Provider = request.getfixturevalue(request.param)
    provider.script = [REPLIES[request.param] for _ in range(4)]
    return MODELS[request.param], provider


def test_the_turns_of_a_process_connect_to_their_provider_once(api: Client, model: tuple[str, Provider]) -> None:
    name, provider = model
    for _ in range(2):
        session_id = new_session(api, model_name=name)
        sent(api, session_id, "hi")
        sent(api, session_id, "once more")
    assert (len(provider.asked), provider.connections) == (4, 1)


def test_a_warm_turn_makes_no_client_of_aws(api: Client, bedrock: Provider) -> None:
    bedrock.script = [REPLIES["bedrock"] for _ in range(2)]
    sent(api, new_session(api, model_name=MODELS["bedrock"]), "hi")
    with mock.patch.object(Session, "create_client", side_effect=AssertionError("made once more")):
        sent(api, new_session(api, model_name=MODELS["bedrock"]), "hi")
