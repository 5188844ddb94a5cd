"""The usage of a turn: whatever a provider reports, the counts are plausible and the price is right."""

import json
from typing import Any

import pytest

from tests import graphs
from tests.cases import cases, one_in
from tests.chat import deployment, new_session, sent
from tests.client import Client
from tests.provider import bedrock_replies
from tests.provider.bedrock import Bedrock
from tests.provider.bedrock_replies import tokens
from tests.provider.forms import in_each_form
from tests.provider.openai import Endpoint
from tests.provider.openai_replies import NO_USAGE, ToolCall, Usage, When, calls, says
from tests.views import views

SONNET = "bedrock:anthropic.claude-3-5-sonnet-20240620-v1:0"
HAIKU = "bedrock:global.anthropic.claude-haiku-4-5-20251001-v1:0"


def used(api: Client, dynamodb: Any, session_id: str) -> list[dict[str, Any]]:
    """The calls of the session's turns, whose views agree."""
    now = views(dynamodb, str(api.user_id), session_id)
    now.check()
    return [call for turn in now.turns.values() for call in json.loads(turn["calls"])]


@pytest.mark.parametrize("when", [one for one in When if one is not When.NEVER])
@in_each_form()
def test_of_usages_in_one_answer_the_last_counts(
    api: Client, dynamodb: Any, endpoint: Endpoint, when: When, as_sent: Any
) -> None:
    session_id = new_session(api, model_name="openai:tiny")
    told = {"prompt_tokens": 100, "completion_tokens": 10, "total_tokens": 110}
    endpoint.script = [as_sent(says(*"abcdefghij", usage=Usage(told, when)))]
    usage = sent(api, session_id, "hi")["usage"]
    assert (usage["input_tokens"], usage["output_tokens"], usage["total_tokens"]) == (100, 10, 110)
    assert not usage["estimated"]
    assert len(used(api, dynamodb, session_id)) == 1


ABSURD: dict[str, Any] = {
    "negative": {"prompt_tokens": -5, "completion_tokens": -7, "total_tokens": -12},
    "one negative": {"prompt_tokens": 120, "completion_tokens": -7, "total_tokens": 113},
    "absurd": {"prompt_tokens": 10**30, "completion_tokens": 10**18, "total_tokens": 10**31},
    "text": {"prompt_tokens": "many", "completion_tokens": "12", "total_tokens": None},
    "fractions": {"prompt_tokens": 1.5, "completion_tokens": 2.0, "total_tokens": 3.5},
    "booleans": {"prompt_tokens": True, "completion_tokens": False},
    "more cached than read": {
        "prompt_tokens": 120, "completion_tokens": 40, "prompt_tokens_details": {"cached_tokens": 5000},
        "completion_tokens_details": {"reasoning_tokens": 900},
    },
    "negative details": {
        "prompt_tokens": 120, "completion_tokens": 40, "prompt_tokens_details": {"cached_tokens": -3},
        "completion_tokens_details": {"reasoning_tokens": -3},
    },
    "details of another kind": {"prompt_tokens": 120, "completion_tokens": 40, "prompt_tokens_details": [1]},
    "details that are numbers": {
        "prompt_tokens": 120, "completion_tokens": 40, "prompt_tokens_details": 5, "completion_tokens_details": True,
    },
    "objects": {"prompt_tokens": {"a": 1}, "completion_tokens": 40},
    "nothing but zeros": {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0},
    "empty": {},
    "a list": [1, 2],
    "a number": 7,
}  # fmt: skip


@pytest.mark.parametrize("case", one_in(3, ABSURD.keys()))
@pytest.mark.parametrize("when", cases([When.ALONE, When.FINISHING], thorough=[When.FINISHING]))
def test_counts_that_cannot_be_true_are_held_to_what_can(
    api: Client, dynamodb: Any, endpoint: Endpoint, case: str, when: When
) -> None:
    session_id = new_session(api, model_name="openai:tiny")
    endpoint.script = [says("Hello", " there", usage=Usage(ABSURD[case], when))]
    answer = sent(api, session_id, "hi")
    usage = answer["usage"]
    assert answer["status"] == "completed"
    assert 0 < usage["input_tokens"] < 10_000
    assert 0 < usage["output_tokens"] < 10_000
    (call,) = used(api, dynamodb, session_id)
    assert 0 <= call.get("cache_read_tokens", 0) <= call["input_tokens"]
    assert 0 <= call.get("reasoning_tokens", 0) <= call["output_tokens"]


def test_usage_of_zeros_although_words_came_is_estimated_and_the_message_says_so(
    api: Client, endpoint: Endpoint
) -> None:
    session_id = new_session(api, model_name="openai:tiny")
    endpoint.script = [says("你好世界。", usage=Usage(ABSURD["nothing but zeros"], When.ALONE))]
    answer = sent(api, session_id, "hi")
    assert answer["usage"]["estimated"]
    shown = api.get(f"/sessions/{session_id}/messages").json["messages"]
    assert [one["usage"] and one["usage"]["estimated"] for one in shown] == [None, True]
    assert 3 <= answer["usage"]["output_tokens"] <= 8


def test_the_calls_of_an_estimated_answer_count_too(api: Client, dynamodb: Any, tools: Endpoint) -> None:
    session_id = new_session(api, model_name="openai:tiny")
    long = calls(ToolCall("c", "keep", json.dumps({"value": "word " * 200})), usage=NO_USAGE)
    tools.script = [long, says("Done", usage=NO_USAGE)]
    sent(api, session_id, "hi")
    first, second = used(api, dynamodb, session_id)
    assert (first["kind"], second["kind"]) == ("tool", "message")
    assert 150 < first["output_tokens"] < 400
    assert second["input_tokens"] > first["output_tokens"]


@pytest.mark.parametrize(
    ("model", "usage", "cost"),
    [
        (SONNET, tokens(100_000, 300), 0.3045),
        (SONNET, tokens(0, 300, cached_5m=100_000), 0.3795),
        (SONNET, tokens(0, 300, cached_1h=100_000), 0.6045),
        (SONNET, tokens(0, 300, cached=100_000), 0.0345),
        (SONNET, tokens(10_000, 300, cached=20_000, cached_5m=30_000, cached_1h=40_000), 0.3930),
        (HAIKU, tokens(0, 300, cached_5m=100_000), 0.1265),
        (HAIKU, tokens(0, 300, cached_1h=100_000), 0.2015),
    ],
)
def test_what_is_written_to_a_cache_is_priced_by_how_long_it_stays(
    api: Client, dynamodb: Any, bedrock: Bedrock, model: str, usage: dict[str, Any], cost: float
) -> None:
    session_id = new_session(api, model_name=model)
    bedrock.script = [bedrock_replies.says("Hello", usage=usage)]
    answer = sent(api, session_id, "hi")
    assert answer["usage"]["cost"] == cost
    (call,) = used(api, dynamodb, session_id)
    details = {one["ttl"]: one["inputTokens"] for one in usage.get("cacheDetails", [])}
    assert call.get("cache_write_tokens", 0) == sum(details.values())
    assert call.get("cache_write_1h_tokens", 0) == details.get("1h", 0)


def test_a_model_that_answers_under_a_name_of_any_length_is_recorded_by_the_one_asked_for(
    api: Client, dynamodb: Any, endpoint: Endpoint
) -> None:
    session_id = new_session(api, model_name="openai:tiny")
    endpoint.script = [says("Hello", model="m" * 500_000)]
    sent(api, session_id, "hi")
    (call,) = used(api, dynamodb, session_id)
    assert call["model_name"] == "openai:tiny"


def test_each_call_is_recorded_with_the_model_that_answered(
    api: Client, dynamodb: Any, endpoint: Endpoint, bedrock: Bedrock, monkeypatch: pytest.MonkeyPatch
) -> None:
    session_id = new_session(api, model_name=SONNET)
    monkeypatch.setattr(graphs, "own_endpoint", [endpoint.url])
    endpoint.script = [says("Hm", model="gpt-4o-2024-08-06")]
    with deployment(monkeypatch, {"GRAPH": "tests.graphs:elsewhere", "OPENAI_BASE_URL": ""}):
        answer = sent(api, session_id, "hi")
    first, second = used(api, dynamodb, session_id)
    assert (first["model_name"], first["asked"]) == ("openai:gpt-4o-2024-08-06", "openai:gpt-4o")
    assert second["model_name"] == SONNET
    # 20 of 120 input tokens at $2.5, 100 cached at $1.25, 40 output at $10 a million; then 1,000 at $3 and 200 at $15.
    assert (first["cost"], second["cost"]) == (575, 6000)
    assert answer["usage"]["cost"] == 0.006575
    assert answer["message"]["model_name"] == SONNET


def test_a_graphs_own_model_may_tell_its_usage_again_and_again(
    api: Client, dynamodb: Any, endpoint: Endpoint, bedrock: Bedrock, monkeypatch: pytest.MonkeyPatch
) -> None:
    session_id = new_session(api, model_name=SONNET)
    monkeypatch.setattr(graphs, "own_endpoint", [endpoint.url])
    endpoint.script = [says(*"abcde", usage=Usage(when=When.CUMULATIVE))]
    with deployment(monkeypatch, {"GRAPH": "tests.graphs:elsewhere", "OPENAI_BASE_URL": ""}):
        sent(api, session_id, "hi")
    first, _ = used(api, dynamodb, session_id)
    assert (first["input_tokens"], first["output_tokens"]) == (120, 40)
