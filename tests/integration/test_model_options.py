"""The options of a request to an endpoint: the deployment's, the session's, and those known for a model."""

import json
from typing import Any

import pytest

from chatkeep.agent.models.options import Wire
from chatkeep.agent.settings import AgentSettings
from tests.cases import one_in
from tests.chat import deployment, new_session, send, sent
from tests.client import Client
from tests.provider.bedrock import Bedrock
from tests.provider.openai import Endpoint
from tests.provider.openai_replies import Mislabelled, PlainJson, Reply
from tests.provider.openai_rules import Strict

SONNET = "bedrock:anthropic.claude-3-5-sonnet-20240620-v1:0"
REFUSED: dict[str, tuple[Strict, dict[str, Any]]] = {
    "stream_options": (Strict(refused_fields={"stream_options"}), {"stream_options": None}),
    "temperature": (Strict(refused_fields={"temperature"}), {"temperature": None}),
    "max_tokens": (Strict(refused_fields={"max_tokens"}), {"max_tokens": None}),
    "the old name": (
        Strict(refused_fields={"max_tokens"}, required_fields={"max_completion_tokens"}),
        {"max_tokens_field": "max_completion_tokens"},
    ),
    "its own limit": (
        Strict(refused_fields={"max_tokens"}, required_fields={"max_completion_tokens"}),
        {"max_completion_tokens": 50},
    ),
    "streams": (Strict(refused_fields={"stream_options"}), {"stream": False}),
    "the system role": (Strict(system_roles=("developer",)), {"system_role": "developer"}),
    "all of it": (
        Strict(refused_fields={"stream_options", "temperature", "max_tokens"}, system_roles=()),
        {"stream_options": None, "temperature": None, "max_tokens": None, "system_role": "user"},
    ),
}


@pytest.mark.parametrize("case", REFUSED)
@pytest.mark.parametrize("by", one_in(2, ["session", "deployment"]))
def test_what_an_endpoint_refuses_can_be_left_out_or_named_otherwise(
    api: Client, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch, case: str, by: str
) -> None:
    endpoint.strict, options = REFUSED[case]
    variables = {"OPENAI_BASE_URL": endpoint.url, "OPENAI_API_KEY": "key"}
    if by == "deployment":
        variables["OPENAI_OPTIONS"] = json.dumps(options)
    settings = {"model_options": options} if by == "session" else {}
    session_id = new_session(api, model_name="openai:tiny", custom_system_prompt="Be brief.", **settings)
    with deployment(monkeypatch, variables):
        assert sent(api, session_id, "hi")["message"]["content"] == "Hello there"
    assert (endpoint.violations, endpoint.unsupported) == ([], [])


def test_a_session_overrules_its_deployment(api: Client, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    session_id = new_session(api, model_name="openai:tiny", model_options={"top_p": 0.5, "seed": 7})
    options = json.dumps({"top_p": 0.9, "min_p": 0.1})
    variables = {"OPENAI_BASE_URL": endpoint.url, "OPENAI_API_KEY": "key", "OPENAI_OPTIONS": options}
    with deployment(monkeypatch, variables):
        sent(api, session_id, "hi")
    (asked,) = endpoint.asked
    assert (asked["top_p"], asked["min_p"], asked["seed"]) == (0.5, 0.1, 7)


@pytest.mark.parametrize("model", ["o1", "o3-mini", "o4-mini-2025-04-16", "openai/o3"])
def test_reasoning_models_are_asked_as_they_want(api: Client, endpoint: Endpoint, model: str) -> None:
    endpoint.strict = Strict(
        refused_fields={"temperature", "max_tokens"},
        required_fields={"max_completion_tokens"},
        system_roles=("developer",),
    )
    session_id = new_session(api, model_name=f"openai:{model}", custom_system_prompt="Be brief.", max_tokens=99)
    sent(api, session_id, "hi")
    assert endpoint.asked[0]["max_completion_tokens"] == 99
    assert (endpoint.violations, endpoint.unsupported) == ([], [])


@pytest.mark.parametrize("model", ["gpt-5", "gpt-5-mini", "gpt-5.1", "openai/gpt-5-nano"])
def test_gpt_5_is_sent_no_temperature(api: Client, endpoint: Endpoint, model: str) -> None:
    endpoint.strict = Strict(refused_fields={"temperature", "max_tokens"}, required_fields={"max_completion_tokens"})
    sent(api, new_session(api, model_name=f"openai:{model}"), "hi")
    assert (endpoint.violations, endpoint.unsupported) == ([], [])


@pytest.mark.parametrize("model", ["tiny", "gpt-4o", "gpt-oss-120b", "ollama/phi4", "o", "olmo-2"])
def test_other_models_are_asked_as_ever(model: str) -> None:
    assert Wire.of(model) == Wire()


def test_gpt_5_chat_has_a_temperature() -> None:
    assert "temperature" not in Wire.of("gpt-5-chat-latest").fields


def test_an_endpoint_that_answers_a_stream_request_with_plain_json_is_read(api: Client, endpoint: Endpoint) -> None:
    session_id = new_session(api, model_name="openai:tiny")
    endpoint.script = [PlainJson(Reply())]
    answer = sent(api, session_id, "hi")
    assert (answer["message"]["content"], answer["usage"]["total_tokens"]) == ("Hello there", 160)
    assert len(endpoint.asked) == 1


@pytest.mark.parametrize("kind", ["text/plain", "application/json; charset=utf-8", "application/octet-stream"])
def test_a_stream_under_another_content_type_is_read(api: Client, endpoint: Endpoint, kind: str) -> None:
    session_id = new_session(api, model_name="openai:tiny")
    endpoint.script = [Mislabelled(Reply(words=("Yes", " ", "no")), kind)]
    assert sent(api, session_id, "hi")["message"]["content"] == "Yes no"
    assert len(endpoint.asked) == 1


def test_options_reach_bedrock_in_its_own_form(api: Client, bedrock: Bedrock) -> None:
    options = {"top_p": 0.5, "temperature": None, "stream_options": None, "top_k": 20}
    sent(api, new_session(api, model_name=SONNET, model_options=options, max_tokens=99), "hi")
    (asked,) = bedrock.asked
    assert asked["inferenceConfig"] == {"maxTokens": 99, "topP": 0.5}
    assert asked["additionalModelRequestFields"] == {"top_k": 20}


def test_an_option_that_no_request_can_be_made_of_names_its_field(api: Client, bedrock: Bedrock) -> None:
    refused = send(api, new_session(api, model_name=SONNET, model_options={"top_p": "high"}), "hi")
    assert refused.status == 422
    assert refused.json["errors"][0]["field"] == "model_options.top_p"


@pytest.mark.parametrize(
    ("model", "options", "field"),
    [
        ("arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/abc123", {}, "model_name"),
        ("anthropic.claude-3-7-sonnet-20250219-v1:0", {"thinking": "x"}, "model_options.thinking"),
        ("anthropic.claude-3-7-sonnet-20250219-v1:0", {"thinking": ["enabled"]}, "model_options.thinking"),
        ("amazon.nova-lite-v1:0", {"reasoningConfig": "x"}, "model_options.reasoningConfig"),
    ],
)
def test_what_the_models_class_cannot_be_made_with_is_a_problem_of_the_session(
    api: Client, bedrock: Bedrock, model: str, options: dict[str, Any], field: str
) -> None:
    refused = send(api, new_session(api, model_name=f"bedrock:{model}", model_options=options), "hi")
    assert (refused.status, refused.json["code"]) == (422, "invalid_field")
    assert refused.json["errors"][0]["field"] == field
    assert bedrock.asked == []


def test_options_are_kept_changed_and_shown(api: Client) -> None:
    session_id = new_session(api, model_options={"top_p": 0.5, "stop": ["."]})
    assert api.get(f"/sessions/{session_id}").json["model_options"] == {"top_p": 0.5, "stop": ["."]}
    long = {"response_format": {"schema": "x" * 3_000}}
    assert api.patch(f"/sessions/{session_id}", json={"model_options": long}).json["model_options"] == long
    assert api.get("/sessions").json["sessions"][0]["model_options"] == long
    api.patch(f"/sessions/{session_id}", json={"title": "Other"})
    assert api.get(f"/sessions/{session_id}").json["model_options"] == long
    assert api.patch(f"/sessions/{session_id}", json={"model_options": {}}).json["model_options"] == {}


@pytest.mark.parametrize(
    "options",
    [
        {"model": "gpt-4"}, {"model": None}, {"messages": None}, {"messages": []},
        {"max_tokens": 5}, {"temperature": 1}, {"n": 9}, {"stream": True},
        {"service_tier": "priority"}, {"tools": []}, {"system_role": "god"}, {"max_tokens_field": "limit"},
        {"seed": "x" * 5_000}, {"deep": json.loads("[" * 40 + "]" * 40)}, [], "top_p", None,
    ],
)  # fmt: skip
def test_an_option_that_is_not_the_users_to_set_is_refused_by_its_field(api: Client, options: Any) -> None:
    refused = api.post("/sessions", json={"model_options": options})
    assert refused.status == 422
    assert refused.json["errors"][0]["field"].startswith("model_options")


@pytest.mark.parametrize("text", ["nonsense", "[]", "7", '"x"'])
def test_a_deployments_options_that_are_no_object_fail_at_start_by_their_name(text: str) -> None:
    with pytest.raises(ValueError, match="OPENAI_OPTIONS"):
        AgentSettings.read({"CHECKPOINTS_TABLE": "t", "GRAPH": "g", "OPENAI_OPTIONS": text})
