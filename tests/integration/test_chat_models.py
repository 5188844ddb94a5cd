"""Models by their names: what reaches their endpoints, what their answers cost, and how they fail."""

import json
from typing import Any

import pytest

from tests.chat import deployment, new_session, send, sent
from tests.client import Client
from tests.provider.bedrock import Bedrock
from tests.provider.openai import Endpoint
from tests.provider.openai_replies import NO_USAGE, Reply
from tests.views import views

SONNET = "anthropic.claude-3-5-sonnet-20240620-v1:0"


def test_the_settings_of_the_session_reach_the_model(api: Client, endpoint: Endpoint) -> None:
    session_id = new_session(
        api, model_name="openai:tiny", temperature=0, max_tokens=77, custom_system_prompt="Be brief."
    )
    assert sent(api, session_id, "hi")["message"]["content"] == "Hello there"
    (asked,) = endpoint.asked
    assert asked["messages"] == [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "hi"}]
    assert (asked["model"], asked["temperature"], asked["max_tokens"]) == ("tiny", 0, 77)


def test_the_thread_reaches_the_model_and_a_long_prompt_from_the_details_too(api: Client, endpoint: Endpoint) -> None:
    session_id = new_session(api, model_name="openai:tiny", custom_system_prompt="p" * 5_000)
    sent(api, session_id, "hi")
    sent(api, session_id, "again")
    said = [one["content"] for one in endpoint.asked[1]["messages"]]
    assert said == ["p" * 5_000, "hi", "Hello there", "again"]


def test_cached_and_reasoning_tokens_are_recorded_with_the_call(
    api: Client, dynamodb: Any, user_id: str, endpoint: Endpoint
) -> None:
    session_id = new_session(api, model_name="openai:tiny")
    answer = sent(api, session_id, "hi")
    assert answer["usage"] == {
        "input_tokens": 120,
        "output_tokens": 40,
        "total_tokens": 160,
        "cost": None,
        "estimated": False,
    }
    (turn,) = views(dynamodb, user_id, session_id).turns.values()
    (call,) = json.loads(turn["calls"])
    assert (call["cache_read_tokens"], call["reasoning_tokens"], call.get("estimated")) == (100, 30, None)


def test_usage_that_the_endpoint_does_not_report_is_estimated_and_marked(
    api: Client, dynamodb: Any, user_id: str, endpoint: Endpoint
) -> None:
    endpoint.default = Reply(usage=NO_USAGE)
    session_id = new_session(api, model_name="openai:tiny")
    answer = sent(api, session_id, "what is there to say")
    assert answer["usage"]["input_tokens"] > 0
    assert answer["usage"]["output_tokens"] > 0
    now = views(dynamodb, user_id, session_id)
    now.check()
    (turn,) = now.turns.values()
    assert json.loads(turn["calls"])[0]["estimated"] is True


def test_a_turn_with_no_time_left_says_so_and_uses_nothing(
    api: Client, dynamodb: Any, user_id: str, capsys: pytest.CaptureFixture[str]
) -> None:
    session_id = new_session(api)
    other = api.as_user(f"{user_id}-other")
    sent(other, new_session(other), "what is imported first takes its time")
    failed = send(api.with_deadline(4.5), session_id, "hi")
    assert (failed.status, failed.json["code"]) == (503, "turn_timed_out")
    assert '"TurnsTimedOut":[1.0]' in capsys.readouterr().out
    now = views(dynamodb, user_id, session_id)
    now.check_nothing_is_pending()
    assert now.turns == {}


def test_bedrock_is_asked_by_converse_and_its_usage_priced(
    api: Client, dynamodb: Any, user_id: str, bedrock: Bedrock
) -> None:
    session_id = new_session(
        api, model_name=f"bedrock:{SONNET}", temperature=0.5, max_tokens=99, custom_system_prompt="In French."
    )
    answer = sent(api, session_id, "hi")
    assert answer["message"]["content"] == "Bonjour"
    assert answer["usage"] == {
        "input_tokens": 1000,
        "output_tokens": 200,
        "total_tokens": 1200,
        "cost": 0.006,
        "estimated": False,
    }
    (asked,) = bedrock.asked
    assert "/converse-stream" in asked["url"]
    assert asked["system"] == [{"text": "In French."}]
    assert asked["messages"] == [{"role": "user", "content": [{"text": "hi"}]}]
    assert asked["inferenceConfig"] == {"maxTokens": 99, "temperature": 0.5}
    now = views(dynamodb, user_id, session_id)
    now.check()
    assert now.session["total_cost"] == 6000


def test_a_model_whose_price_its_provider_has_and_the_list_has_not_is_counted_as_unpriced(
    api: Client, bedrock: Bedrock, capsys: pytest.CaptureFixture[str]
) -> None:
    session_id = new_session(api, model_name="bedrock:anthropic.claude-of-tomorrow-v1:0")
    assert sent(api, session_id, "hi")["usage"]["cost"] is None
    assert '"UnpricedTurns":[1.0]' in capsys.readouterr().out


def test_an_endpoint_of_ones_own_has_no_price_and_that_is_no_alarm(
    api: Client, endpoint: Endpoint, capsys: pytest.CaptureFixture[str]
) -> None:
    session_id = new_session(api, model_name="openai:tiny")
    assert sent(api, session_id, "hi")["usage"]["cost"] is None
    printed = capsys.readouterr().out
    assert '"TurnsCompleted":[1.0]' in printed
    assert "UnpricedTurns" not in printed


def test_a_priced_turn_is_not_counted_as_unpriced(
    api: Client, bedrock: Bedrock, capsys: pytest.CaptureFixture[str]
) -> None:
    sent(api, new_session(api, model_name=f"bedrock:{SONNET}"), "hi")
    printed = capsys.readouterr().out
    assert '"CostMicroDollars":[6000.0]' in printed
    assert "UnpricedTurns" not in printed


def test_a_scripted_model_that_fails_answers_503_and_counts_a_failure(
    api: Client, capsys: pytest.CaptureFixture[str]
) -> None:
    failed = send(api, new_session(api, model_name="scripted:fail"), "hi")
    assert (failed.status, failed.json["code"]) == (503, "model_unavailable")
    printed = capsys.readouterr().out
    assert '"TurnsFailed":[1.0]' in printed
    assert "TurnsTimedOut" not in printed


@pytest.mark.parametrize(
    "model_name", ["gpt-4", "nobody:model", "local:tiny", "openai:tiny", "scripted:", "scripted:x"]
)
def test_a_model_that_cannot_be_called_here_is_refused_by_its_field(
    api: Client, dynamodb: Any, user_id: str, model_name: str
) -> None:
    session_id = new_session(api, model_name=model_name)
    refused = send(api, session_id, "hi")
    assert (refused.status, refused.json["code"]) == (422, "model_not_supported")
    assert [one["field"] for one in refused.json["errors"]] == ["model_name"]
    now = views(dynamodb, user_id, session_id)
    now.check_nothing_is_pending()
    assert now.turns == {}


def test_scripted_models_are_refused_where_they_are_not_allowed(api: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    session_id = new_session(api, model_name="scripted:echo")
    with deployment(monkeypatch, {"ALLOW_SCRIPTED_MODELS": "false"}):
        assert send(api, session_id, "hi").json["code"] == "model_not_supported"
    sent(api, session_id, "hi")
