"""Prices of model calls: which list they are looked up in, and that no call is worth an error."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chatkeep.agent.prices import price
from chatkeep.agent.providers import PROVIDERS
from chatkeep.turns.model_calls import ModelCall
from tests.chat import deployment


def call(model_name: str, asked: str | None = None, **used: int) -> ModelCall:
    tokens = {"input_tokens": 1_000_000, "output_tokens": 0, **used}
    return ModelCall(kind="message", model_name=model_name, asked=asked or model_name, **tokens)  # type: ignore[arg-type]


def test_the_model_that_answered_is_priced() -> None:
    assert price(call("openai:gpt-4o-2024-08-06", "openai:gpt-4o")) == 2_500_000
    assert price(call("openai:gpt-4o-mini-2024-07-18", "openai:gpt-4o")) == 150_000


def test_a_version_that_the_list_does_not_have_costs_what_the_model_does_that_it_is_one_of() -> None:
    assert price(call("openai:gpt-5.1-2031-01-01")) is None
    assert price(call("openai:gpt-4o-2099-01-01", "openai:gpt-4o")) == price(call("openai:gpt-4o"))
    assert price(call("openai:something-else", "openai:gpt-4o")) is None


def test_models_of_a_graphs_own_have_their_providers_prices() -> None:
    assert price(call("anthropic:claude-3-5-sonnet-20240620")) == 3_000_000


@pytest.mark.parametrize(
    "name", ["unknown:unknown", "local:smollm2", "scripted:echo", "bedrock:no-such-model", "", ":", "x"]
)
def test_what_nobody_knows_has_no_price(name: str) -> None:
    assert price(call(name)) is None


def test_an_endpoint_of_its_own_sets_its_own_prices(monkeypatch: pytest.MonkeyPatch) -> None:
    with deployment(monkeypatch, {"OPENAI_BASE_URL": "http://127.0.0.1:1/v1"}):
        assert price(call("openai:gpt-4o")) is None
        assert price(call("bedrock:anthropic.claude-3-5-sonnet-20240620-v1:0")) == 3_000_000


COUNTS = st.integers(-(10**40), 10**40) | st.integers(0, 1_000_000)
MODELS = st.sampled_from(["gpt-4o", "anthropic.claude-3-5-sonnet-20240620-v1:0", "gemini-2.5-pro", "claude-sonnet-4-5"])


@given(
    provider=st.sampled_from(sorted(PROVIDERS)),
    model=MODELS,
    counts=st.lists(COUNTS, min_size=5, max_size=5),
)
@settings(max_examples=200)
def test_usage_that_does_not_add_up_is_unpriced_and_no_error(provider: str, model: str, counts: list[int]) -> None:
    names = ("input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens", "cache_write_1h_tokens")
    cost = price(call(f"{provider}:{model}", **dict(zip(names, counts, strict=True))))
    assert cost is None or isinstance(cost, int)
