"""The option `reasoning_effort`, as each family of models takes it, and what becomes of the reasoning."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.chat import deployment, new_session, send, sent
from tests.client import Client
from tests.provider.bedrock import Bedrock
from tests.provider.bedrock_replies import Reasoning, Reply, Text, ToolUse, calls, tokens
from tests.provider.openai import Endpoint
from tests.provider.openai_replies import TOKENS
from tests.provider.openai_rules import Strict

SONNET = "global.anthropic.claude-sonnet-4-5-20250929-v1:0"
THOUGHT = Reasoning(("Let me ", "see."), signature="c2lnbmF0dXJl")
ADAPTIVE = {"thinking": {"type": "adaptive"}, "output_config": {"effort": "low"}}


@pytest.fixture
def tooled(bedrock: Bedrock, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bedrock]:
    with deployment(monkeypatch, {"GRAPH": "tests.graphs:tooled"}):
        yield bedrock


def session_of(api: Client, model: str, effort: str, **settings: Any) -> str:
    return new_session(api, model_name=f"bedrock:{model}", model_options={"reasoning_effort": effort}, **settings)


@pytest.mark.parametrize(
    ("model", "effort", "fields"),
    [
        (SONNET, "low", {"thinking": {"type": "enabled", "budget_tokens": 1024}}),
        (SONNET, "medium", {"thinking": {"type": "enabled", "budget_tokens": 2048}}),
        (SONNET, "high", {"thinking": {"type": "enabled", "budget_tokens": 3276}}),
        ("anthropic.claude-opus-4-5-20251101-v1:0", "low", {"thinking": {"type": "enabled", "budget_tokens": 1024}}),
        ("anthropic.claude-3-7-sonnet-20250219-v1:0", "low", {"thinking": {"type": "enabled", "budget_tokens": 1024}}),
        ("eu.anthropic.claude-sonnet-4-6", "low", ADAPTIVE),
        ("us.anthropic.claude-opus-4-7", "low", ADAPTIVE),
        ("openai.gpt-oss-120b-1:0", "high", {"reasoning_effort": "high"}),
        ("us.amazon.nova-2-lite-v1:0", "low", {"reasoningConfig": {"type": "enabled", "maxReasoningEffort": "low"}}),
        ("us.amazon.nova-2-lite-v1:0", "high", {"reasoningConfig": {"type": "enabled", "maxReasoningEffort": "high"}}),
    ],
)
def test_an_effort_reaches_each_family_in_a_form_that_it_takes(
    api: Client, bedrock: Bedrock, model: str, effort: str, fields: dict[str, Any]
) -> None:
    session_id = session_of(api, model, effort, max_tokens=4096, temperature=0.3)
    sent(api, session_id, "hi")
    (asked,) = bedrock.asked
    assert bedrock.violations == []
    assert asked["additionalModelRequestFields"] == fields


@pytest.mark.parametrize(
    ("model", "effort", "kept"),
    [
        (SONNET, "low", {"maxTokens": 4096}),
        ("us.anthropic.claude-opus-4-6-v1", "max", {"maxTokens": 4096}),
        ("us.amazon.nova-2-lite-v1:0", "medium", {"maxTokens": 4096, "temperature": 0.3}),
        ("us.amazon.nova-2-lite-v1:0", "high", {}),
        ("openai.gpt-oss-20b-1:0", "low", {"maxTokens": 4096, "temperature": 0.3}),
    ],
)
def test_what_a_model_does_not_take_while_it_reasons_is_left_out(
    api: Client, bedrock: Bedrock, model: str, effort: str, kept: dict[str, Any]
) -> None:
    sent(api, session_of(api, model, effort, max_tokens=4096, temperature=0.3), "hi")
    assert bedrock.violations == []
    assert bedrock.asked[0].get("inferenceConfig", {}) == kept


@pytest.mark.parametrize(
    ("model", "effort", "max_tokens", "reason"),
    [
        (SONNET, "xhigh", 4096, "is not one of low, medium, high"),
        (SONNET, "low", 1024, "takes a max_tokens over 1024"),
        ("us.anthropic.claude-opus-4-6-v1", "xhigh", 4096, "is not one of low, medium, high, max"),
        ("us.amazon.nova-pro-v1:0", "low", 4096, "is not an option of this model"),
        ("meta.llama3-3-70b-instruct-v1:0", "low", 4096, "is not an option of this model"),
        (SONNET, "a lot", 4096, "Input should be"),
    ],
)
def test_an_effort_that_a_model_does_not_have_names_its_field(
    api: Client, bedrock: Bedrock, model: str, effort: str, max_tokens: int, reason: str
) -> None:
    refused = send(api, session_of(api, model, effort, max_tokens=max_tokens), "hi")
    assert (refused.status, refused.json["errors"][0]["field"]) == (422, "model_options.reasoning_effort")
    assert reason in refused.json["errors"][0]["detail"]
    assert bedrock.asked == []


@pytest.mark.parametrize("thought", [THOUGHT, Reasoning(redacted=b"\x00\xff"), Reasoning(("",), signature="c2ln")])
def test_what_was_thought_goes_back_with_the_results_of_its_calls(
    api: Client, tooled: Bedrock, thought: Reasoning
) -> None:
    session_id = session_of(api, SONNET, "low")
    tooled.script = [
        calls(ToolUse("t1", "keep", '{"value": 1}'), before=(thought, Text(("I keep it.",)))),
        calls(ToolUse("t2", "keep", '{"value": 2}'), before=(thought,)),
        Reply((thought, Text(("Done.",)))),
    ]
    sent(api, session_id, "Keep both.")
    sent(api, session_id, "Thanks.")
    assert tooled.violations == []
    said = [one["content"] for one in tooled.asked[-1]["messages"] if one["role"] == "assistant"]
    back = _encoded(thought)
    assert [blocks[0] for blocks in said] == [back, back, back]
    assert [list(block) for block in said[0]] == [["reasoningContent"], ["text"], ["toolUse"]]


def _encoded(thought: Reasoning) -> dict[str, Any]:
    if thought.redacted is not None:
        return {"reasoningContent": {"redactedContent": "AP8="}}
    return thought.whole()


@pytest.mark.parametrize("path", ["messages", "messages/stream"])
def test_what_was_thought_is_not_said(api: Client, bedrock: Bedrock, path: str) -> None:
    session_id = session_of(api, SONNET, "low")
    bedrock.script = [Reply((THOUGHT, Text(("Four.",))))]
    assert api.post(f"/sessions/{session_id}/{path}", json={"content": "2 + 2?"}).status == 200
    _, answer = api.get(f"/sessions/{session_id}/messages").json["messages"]
    assert answer["content"] == "Four."


def test_thinking_tokens_are_counted(api: Client, bedrock: Bedrock) -> None:
    session_id = session_of(api, "us.anthropic.claude-opus-4-7", "low")
    more = {"usage": {"output_tokens_details": {"thinking_tokens": 150}}}
    bedrock.script = [Reply((THOUGHT, Text(("Four.",))), usage=tokens(100, 200), more=more)]
    sent(api, session_id, "2 + 2?")
    assert bedrock.asked[0]["additionalModelResponseFieldPaths"] == ["/usage"]
    (turn,) = api.get(f"/sessions/{session_id}/turns").json["turns"]
    assert (turn["calls"][0]["reasoning_tokens"], turn["calls"][0]["output_tokens"]) == (150, 200)


def test_a_model_that_does_not_reason_is_not_asked_for_its_thinking(api: Client, bedrock: Bedrock) -> None:
    sent(api, new_session(api, model_name=f"bedrock:{SONNET}"), "hi")
    (asked,) = bedrock.asked
    assert {"additionalModelResponseFieldPaths", "additionalModelRequestFields"} & set(asked) == set()


def test_thinking_of_a_budget_of_the_users_own_is_taken_too(api: Client, bedrock: Bedrock) -> None:
    options = {"thinking": {"type": "enabled", "budget_tokens": 2000}}
    sent(api, new_session(api, model_name=f"bedrock:{SONNET}", model_options=options, max_tokens=3000), "hi")
    assert bedrock.violations == []
    assert bedrock.asked[0]["inferenceConfig"] == {"maxTokens": 3000}


def test_a_session_may_begin_and_stop_to_reason(api: Client, tooled: Bedrock) -> None:
    session_id = new_session(api, model_name=f"bedrock:{SONNET}")
    tooled.script = [calls(ToolUse("t1", "keep", '{"value": 1}'))]
    sent(api, session_id, "Keep it.")
    api.patch(f"/sessions/{session_id}", json={"model_options": {"reasoning_effort": "low"}})
    tooled.script = [calls(ToolUse("t2", "keep", '{"value": 2}'), before=(THOUGHT,))]
    sent(api, session_id, "And this.")
    api.patch(f"/sessions/{session_id}", json={"model_options": {}})
    sent(api, session_id, "Thanks.")
    assert tooled.violations == []


@pytest.mark.parametrize("model", ["o3-mini", "gpt-5", "gpt-5.1", "openai/o3"])
def test_openai_gets_the_effort_as_it_is(api: Client, endpoint: Endpoint, model: str) -> None:
    endpoint.strict = Strict(refused_fields={"temperature", "max_tokens"}, required_fields={"max_completion_tokens"})
    session_id = new_session(api, model_name=f"openai:{model}", model_options={"reasoning_effort": "minimal"})
    sent(api, session_id, "2 + 2?")
    assert endpoint.asked[0]["reasoning_effort"] == "minimal"
    assert (endpoint.violations, endpoint.unsupported) == ([], [])
    (turn,) = api.get(f"/sessions/{session_id}/turns").json["turns"]
    assert turn["calls"][0]["reasoning_tokens"] == TOKENS["completion_tokens_details"]["reasoning_tokens"]


def test_openai_refuses_an_effort_of_a_model_that_does_not_reason(api: Client, endpoint: Endpoint) -> None:
    endpoint.strict = Strict(refused_fields={"reasoning_effort"})
    session_id = new_session(api, model_name="openai:gpt-4o", model_options={"reasoning_effort": "low"})
    refused = send(api, session_id, "hi")
    assert (refused.status, refused.json["code"]) == (422, "model_refused_request")
    assert "reasoning_effort" in refused.json["detail"]
