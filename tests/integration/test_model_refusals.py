"""Providers that refuse a request: what the sender is told, that nothing is billed, and that the session goes on."""

import time
from datetime import timedelta
from email.utils import format_datetime
from typing import Any

import pytest

from chatkeep.agent.models import failures
from chatkeep.agent.models.redaction import HIDDEN, redacted
from chatkeep.clock import now
from chatkeep.turns import supervision
from functions.sessions import cancelling
from tests.cases import one_in
from tests.chat import deployment, meanwhile, new_session, send, sent
from tests.client import Client, Response
from tests.provider import bedrock_refusals, openai_refusals
from tests.provider.bedrock import Bedrock
from tests.provider.openai import Endpoint
from tests.provider.openai_refusals import Refusal, openrouter, refusal
from tests.provider.openai_replies import Reply
from tests.provider.server import HangUp
from tests.views import views
from tests.waiting import wait_until

SONNET = "bedrock:anthropic.claude-3-5-sonnet-20240620-v1:0"
TOO_LONG = (422, "context_length_exceeded", "content")
DENIED, QUOTA = (503, "model_access_denied", None), (503, "model_quota_exceeded", None)
UNKNOWN = (422, "model_not_found", "model_name")
NOT_ENABLED = (503, "model_not_enabled")

FOR_GOOD: dict[str, tuple[Refusal, tuple[int, str, str | None]]] = {
    "context, OpenAI": (openai_refusals.context_too_long(), TOO_LONG),
    "context, vLLM": (openai_refusals.vllm_context_too_long(), TOO_LONG),
    "context, other words": (refusal(400, None, "prompt is too long: 212000 tokens > 200000 maximum"), TOO_LONG),
    "context, 413": (refusal(413, None, "Input tokens exceed the configured limit of 8000 tokens"), TOO_LONG),
    "a parameter": (
        openai_refusals.unsupported_parameter("logit_bias"),
        (422, "model_refused_request", "model_options"),
    ),
    "temperature": (
        openai_refusals.unsupported_value("temperature", 0.7),
        (422, "model_refused_request", "temperature"),
    ),
    "max_tokens": (
        openai_refusals.unsupported_parameter("max_tokens", "max_completion_tokens"),
        (422, "model_refused_request", "max_tokens"),
    ),
    "a policy": (
        refusal(400, "content_policy_violation", "Your request was rejected by the safety system"),
        (422, "model_refused_request", "content"),
    ),
    "unprocessable": (refusal(422, None, "no"), (422, "model_refused_request", "content")),
    "401": (openai_refusals.invalid_api_key(), DENIED),
    "403": (openai_refusals.not_allowed(), DENIED),
    "403 in HTML": (openai_refusals.proxy_page(403, "Forbidden"), DENIED),
    "404": (openai_refusals.model_not_found(), UNKNOWN),
    "404 in HTML": (openai_refusals.proxy_page(404, "Not Found"), UNKNOWN),
    "402": (openai_refusals.credits_used_up(), QUOTA),
    "429, quota": (openai_refusals.quota_used_up(), QUOTA),
    "429, a request over the limit of a minute": (
        refusal(
            429, "rate_limit_exceeded", "Request too large for tiny on tokens per min (TPM): Limit 9, Requested 20."
        ),
        TOO_LONG,
    ),
    "400, credit": (refusal(400, None, "Your credit balance is too low to access the API."), QUOTA),
}


def told(response: Response) -> tuple[int, str, str | None]:
    fields = [one["field"] for one in response.json.get("errors") or [{"field": None}]]
    return response.status, response.json["code"], fields[0]


@pytest.mark.parametrize("case", one_in(3, FOR_GOOD.keys()))
def test_what_repeating_does_not_change_has_a_code_of_its_own_and_no_time_to_try_again(
    api: Client, dynamodb: Any, user_id: str, endpoint: Endpoint, case: str
) -> None:
    refused, outcome = FOR_GOOD[case]
    session_id = new_session(api, model_name="openai:tiny", enable_summarization=False)
    endpoint.script = [refused]
    failed = send(api, session_id, "hi", key="k")
    assert told(failed) == outcome
    assert "retry-after" not in failed.headers
    assert len(endpoint.asked) == 1
    now = views(dynamodb, user_id, session_id)
    now.check_nothing_is_pending()
    assert (now.turns, now.transcript) == ({}, [])
    sent(api, session_id, "hi", key="k")
    views(dynamodb, user_id, session_id).check()


PASSING: dict[str, tuple[Any, tuple[int, str], str]] = {
    "429 with seconds": (openai_refusals.rate_limited(20), (429, "model_rate_limited"), "20"),
    "429 with many": (openai_refusals.rate_limited(50), (429, "model_rate_limited"), "50"),
    "429 with milliseconds": (
        Refusal(429, {"error": {}}, {"retry-after-ms": "20500"}),
        (429, "model_rate_limited"),
        "21",
    ),
    "429 with a date": (
        Refusal(429, "", {"Retry-After": format_datetime(now() + timedelta(hours=1), usegmt=True)}),
        (429, "model_rate_limited"),
        "",
    ),
    "429, OpenRouter": (openrouter(429, "Rate limit exceeded"), (429, "model_rate_limited"), "5"),
    "503 with seconds": (openai_refusals.unavailable(11), (503, "model_unavailable"), "11"),
    "529": (openai_refusals.overloaded(), (503, "model_unavailable"), "5"),
    "500": (openai_refusals.server_error(), (503, "model_unavailable"), "5"),
    "a proxy's page": (openai_refusals.proxy_page(), (503, "model_unavailable"), "5"),
    "nonsense for seconds": (
        Refusal(503, "", {"Retry-After": "soon"}),
        (503, "model_unavailable"),
        "5",
    ),
    "no answer at all": (HangUp(), (503, "model_unavailable"), "5"),
    "a page for an answer": (
        openai_refusals.verbatim("<html></html>", "text/html"),
        (503, "model_unavailable"),
        "5",
    ),
}


@pytest.mark.parametrize("case", one_in(3, PASSING.keys()))
def test_what_passes_says_at_once_when_to_try_again_and_bills_nothing(
    api: Client, dynamodb: Any, user_id: str, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch, case: str
) -> None:
    monkeypatch.setattr(failures, "USUAL_PAUSE", 0.01)
    refused, outcome, seconds = PASSING[case]
    session_id = new_session(api, model_name="openai:tiny", enable_summarization=False)
    endpoint.default = refused
    began = time.monotonic()
    failed = send(api, session_id, "hi", key="k")
    assert time.monotonic() - began < 9
    assert (failed.status, failed.json["code"]) == outcome
    assert failed.headers["retry-after"] == seconds or (not seconds and int(failed.headers["retry-after"]) > 50)
    now = views(dynamodb, user_id, session_id)
    now.check_nothing_is_pending()
    assert (now.turns, now.transcript) == ({}, [])
    endpoint.default = Reply()
    sent(api, session_id, "hi", key="k")


@pytest.mark.parametrize(
    "refused", one_in(3, [Refusal(429, "", {"retry-after-ms": "50"}), openai_refusals.server_error(), HangUp()])
)
def test_a_short_wait_is_waited_out_once_and_billed_once(
    api: Client, dynamodb: Any, user_id: str, endpoint: Endpoint, refused: Any
) -> None:
    session_id = new_session(api, model_name="openai:tiny", enable_summarization=False)
    endpoint.script = [refused]
    assert sent(api, session_id, "hi")["usage"]["total_tokens"] == 160
    views(dynamodb, user_id, session_id).check()
    endpoint.script = [refused, refused]
    assert send(api, session_id, "hi").status in (429, 503)


def test_nothing_is_waited_for_that_the_deadline_does_not_allow(api: Client, endpoint: Endpoint) -> None:
    session_id = new_session(api, model_name="openai:tiny", enable_summarization=False)
    endpoint.default = openai_refusals.rate_limited(2)
    failed = send(api.with_deadline(11), session_id, "hi")
    assert (failed.status, len(endpoint.asked)) == (429, 1)


@pytest.mark.parametrize("streams", [None, False])
def test_a_turn_that_is_cancelled_while_it_waits_to_ask_again_bills_nothing(
    api: Client, dynamodb: Any, user_id: str, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch, streams: bool | None
) -> None:
    monkeypatch.setattr(supervision, "FIRST_LOOK_SECONDS", 0.05)
    session_id = new_session(api, model_name="openai:tiny", model_options={"stream": streams})
    endpoint.script = [openai_refusals.rate_limited(2)]
    with meanwhile(lambda: until_refused(endpoint), lambda: cancelling.cancel(user_id, session_id, None)):
        answer = sent(api, session_id, "hi")
    assert (answer["status"], answer["message"]["content"]) == ("cancelled", "")
    assert answer["usage"]["total_tokens"] == 0
    views(dynamodb, user_id, session_id).check()


def until_refused(endpoint: Endpoint) -> None:
    """Return once the endpoint has refused a request, and its client waits."""
    wait_until(lambda: bool(endpoint.asked))
    time.sleep(0.3)


BEDROCK = {
    bedrock_refusals.throttled: (429, "model_rate_limited"),
    bedrock_refusals.too_long: TOO_LONG[:2],
    bedrock_refusals.access_denied: DENIED[:2],
    bedrock_refusals.bad_credentials: DENIED[:2],
    bedrock_refusals.not_subscribed: NOT_ENABLED,
    bedrock_refusals.subscription_not_looked_up: NOT_ENABLED,
    bedrock_refusals.nothing_to_pay_with: NOT_ENABLED,
    bedrock_refusals.no_access_to_the_model: NOT_ENABLED,
    bedrock_refusals.use_case_not_told: NOT_ENABLED,
    bedrock_refusals.account_may_not: NOT_ENABLED,
    bedrock_refusals.model_retired: UNKNOWN[:2],
    bedrock_refusals.unknown_model: UNKNOWN[:2],
    bedrock_refusals.quota_exceeded: QUOTA[:2],
    bedrock_refusals.model_not_ready: (503, "model_unavailable"),
    bedrock_refusals.unavailable: (503, "model_unavailable"),
    bedrock_refusals.model_timed_out: (503, "model_unavailable"),
    bedrock_refusals.model_failed: (503, "model_unavailable"),
    bedrock_refusals.internal_error: (503, "model_unavailable"),
}


@pytest.mark.parametrize("refused", one_in(3, BEDROCK.keys()), ids=lambda one: one.__name__)
def test_bedrocks_refusals_are_told_apart_alike(
    api: Client, dynamodb: Any, user_id: str, bedrock: Bedrock, monkeypatch: pytest.MonkeyPatch, refused: Any
) -> None:
    monkeypatch.setattr(failures, "USUAL_PAUSE", 0.01)
    session_id = new_session(api, model_name=SONNET, enable_summarization=False)
    bedrock.script = [refused(), refused()]
    failed = send(api, session_id, "hi")
    assert (failed.status, failed.json["code"]) == BEDROCK[refused]
    assert "arn:" not in failed.text
    assert "123456789012" not in failed.text
    assert ("retry-after" in failed.headers) == (BEDROCK[refused][1] in ("model_rate_limited", "model_unavailable"))
    assert views(dynamodb, user_id, session_id).turns == {}
    bedrock.script = []
    sent(api, session_id, "hi")


def test_a_temperature_that_bedrock_does_not_have_names_its_field(api: Client, bedrock: Bedrock) -> None:
    refused = send(api, new_session(api, model_name=SONNET, temperature=1.5), "hi")
    assert told(refused) == (422, "model_refused_request", "temperature")


def test_a_model_that_bedrock_has_by_a_profile_alone_names_its_field_and_says_so(api: Client, bedrock: Bedrock) -> None:
    session_id = new_session(api, model_name=SONNET)
    bedrock.script = [bedrock_refusals.only_by_a_profile()]
    refused = send(api, session_id, "hi")
    assert told(refused) == (422, "model_refused_request", "model_name")
    assert "inference profile" in refused.json["detail"]


@pytest.mark.parametrize("streams", one_in(2, [None, False]))
@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        ({"message": "You exceeded your current quota", "code": "insufficient_quota"}, QUOTA),
        ({"message": "Incorrect key", "type": "authentication_error"}, DENIED),
        ({"message": "no", "type": "permission_error", "code": None}, DENIED),
        ({"message": "no", "type": "not_found_error"}, UNKNOWN),
        ({"message": "no", "type": "invalid_request_error"}, (422, "model_refused_request", "content")),
        ({"message": "no", "type": "rate_limit_error"}, (429, "model_rate_limited", None)),
        ({"message": "no", "type": "overloaded_error"}, (503, "model_unavailable", None)),
    ],
)
def test_a_refusal_that_comes_as_an_answer_is_told_apart_alike(
    api: Client, endpoint: Endpoint, error: dict[str, Any], outcome: tuple[int, str, str | None], streams: bool | None
) -> None:
    session_id = new_session(api, model_name="openai:tiny", model_options={"stream": streams})
    endpoint.script = [Reply(words=(), error_event=error, error_after=0)] * 2
    assert told(send(api, session_id, "hi")) == outcome
    assert api.get("/stats").json["total_tokens"] == 0


SECRETS = [
    "sk-proj-abcdefGHIJKL0123456789",
    "https://internal.example.com:8443/v1/chat",
    "arn:aws:bedrock:us-east-1:123456789012:inference-profile/x",
    "AKIAIOSFODNN7EXAMPLE",
    "10.1.2.3:8000",
    "ops@example.com",
    "vllm.models.internal:8000",
    "localhost:8000",
    "org-a1B2c3D4",
    "wJalrXUtnFEMIK7MDENGbPxRfiCYEXAMPLEKEY9",
    "********************************Wx3A",
]


@pytest.mark.parametrize("secret", SECRETS)
def test_the_providers_reason_is_told_without_what_is_the_operators(
    api: Client, endpoint: Endpoint, secret: str
) -> None:
    session_id = new_session(api, model_name="openai:tiny", enable_summarization=False)
    endpoint.script = [refusal(400, None, f"logprobs is not supported by {secret} for this request")]
    refused = send(api, session_id, "hi")
    assert refused.json["code"] == "model_refused_request"
    assert secret not in refused.text
    assert "logprobs is not supported by" in refused.json["detail"]
    assert HIDDEN in refused.json["detail"]


def test_the_deployments_own_key_and_endpoint_are_never_told(endpoint: Endpoint) -> None:
    assert redacted(f"key and {endpoint.url} refused") == f"{HIDDEN} and {HIDDEN} refused"


def test_the_host_of_the_endpoint_is_not_told_either(
    api: Client, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    with deployment(monkeypatch, {"OPENAI_BASE_URL": "https://llm-gateway.firma.de:8443/v1", "OPENAI_API_KEY": "k-1"}):
        assert redacted("no llm-gateway.firma.de:8443 or llm-gateway.firma.de") == f"no {HIDDEN} or {HIDDEN}"


def test_a_model_that_nobody_has_subscribed_to_raises_the_alarm_and_says_what_to_do(
    api: Client, bedrock: Bedrock, capsys: pytest.CaptureFixture[str]
) -> None:
    bedrock.script = [bedrock_refusals.use_case_not_told()]
    refused = send(api, new_session(api, model_name=SONNET), "hi")
    assert "its operator has to subscribe to it once" in refused.json["detail"]
    assert '"ModelAccountFailures":[1.0]' in capsys.readouterr().out


def test_an_account_that_is_refused_raises_an_alarm(
    api: Client, endpoint: Endpoint, capsys: pytest.CaptureFixture[str]
) -> None:
    session_id = new_session(api, model_name="openai:tiny", enable_summarization=False)
    endpoint.script = [openai_refusals.invalid_api_key(), openai_refusals.rate_limited(30)]
    send(api, session_id, "hi")
    assert '"ModelAccountFailures":[1.0]' in capsys.readouterr().out
    send(api, session_id, "hi")
    assert "ModelAccountFailures" not in capsys.readouterr().out


def test_a_sender_whose_turn_was_too_long_may_shorten_it(api: Client, endpoint: Endpoint) -> None:
    session_id = new_session(api, model_name="openai:tiny", enable_summarization=False)
    endpoint.script = [openai_refusals.context_too_long()]
    assert send(api, session_id, "long " * 1000).status == 422
    assert sent(api, session_id, "short")["message"]["content"] == "Hello there"
