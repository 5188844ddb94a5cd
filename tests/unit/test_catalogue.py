"""The models on offer: what a deployment allows and its providers have, with what the lists know of each."""

from collections.abc import Mapping

import pytest

from chatkeep.agent import catalogue
from chatkeep.agent.prices import price
from chatkeep.agent.settings import settings
from chatkeep.model_names import geographies
from chatkeep.turns.model_calls import ModelCall
from tests.chat import deployment

HAIKU = "bedrock:global.anthropic.claude-haiku-4-5-20251001-v1:0"
ON_AWS = {
    "AWS_ACCESS_KEY_ID": "ASIAEXAMPLE",
    "AWS_REGION": "eu-central-1",
    "DEFAULT_MODEL": HAIKU,
    "ALLOWED_MODELS": "",
}


def offered(monkeypatch: pytest.MonkeyPatch, variables: Mapping[str, str]) -> list[catalogue.Offer]:
    with deployment(monkeypatch, {**ON_AWS, **variables}):
        return catalogue.offers()


def names(offers: list[catalogue.Offer]) -> list[str]:
    return [one.model_name for one in offers]


def test_without_patterns_the_default_model_stands_with_its_family(monkeypatch: pytest.MonkeyPatch) -> None:
    first, *others = offered(monkeypatch, {})
    assert first == catalogue.Offer(HAIKU, 200_000, 1.0, 5.0, vision=True, tools=True)
    assert names(others) == ["bedrock:eu.anthropic.claude-haiku-4-5-20251001-v1:0"]


@pytest.mark.parametrize("region", ["eu-central-1", "us-east-1", "us-gov-west-1", "ap-southeast-2", "ap-south-1"])
def test_everything_on_offer_is_allowed_and_of_the_region(monkeypatch: pytest.MonkeyPatch, region: str) -> None:
    patterns = "bedrock:*.anthropic.*,bedrock:amazon.*"
    with deployment(monkeypatch, {**ON_AWS, "ALLOWED_MODELS": patterns, "AWS_REGION": region}):
        found = names(catalogue.offers())
        assert [name for name in found if not settings().allowed_models.allows(name)] == []
    assert len(found) == len(set(found))
    places = {name.partition(":")[2].partition(".")[0] for name in found[1:]}
    assert places - geographies(region) <= {"amazon", "anthropic"}
    under_profiles = {name.partition(".")[2] for name in found if name.partition(":")[2].startswith("eu.")}
    assert under_profiles.isdisjoint(name.partition(":")[2] for name in found)


@pytest.mark.parametrize(
    ("model_name", "limit"),
    [
        (HAIKU, 200_000),
        ("openai:gpt-4o", 128_000),
        ("anthropic:claude-sonnet-4-5", 200_000),
        ("local:smollm2", 8_192),
        ("scripted:echo", None),
        ("bedrock:no.such-model", None),
        ("nobody:knows", None),
        ("", None),
        (":", None),
    ],
)
def test_what_a_model_reads_at_most_is_known_or_null(
    monkeypatch: pytest.MonkeyPatch, model_name: str, limit: int | None
) -> None:
    with deployment(monkeypatch, ON_AWS):
        assert catalogue.context_limit(model_name) == limit


def test_what_another_endpoint_reads_is_not_known(monkeypatch: pytest.MonkeyPatch) -> None:
    with deployment(monkeypatch, {**ON_AWS, "OPENAI_BASE_URL": "http://127.0.0.1:9/v1"}):
        assert catalogue.context_limit("openai:gpt-4o") is None


def test_a_list_that_cannot_be_read_costs_no_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    def unreadable(_: str) -> None:
        raise ImportError

    monkeypatch.setattr(catalogue, "_profiles", unreadable)
    with deployment(monkeypatch, ON_AWS):
        assert catalogue.context_limit(HAIKU) is None


def test_prices_are_those_that_turns_are_charged(monkeypatch: pytest.MonkeyPatch) -> None:
    with deployment(monkeypatch, {**ON_AWS, "ALLOWED_MODELS": "bedrock:*"}):
        offers = catalogue.offers()
        assert len(offers) > 20
        for offer in offers:
            for field, listed in (("input_tokens", offer.input_price), ("output_tokens", offer.output_price)):
                used = {"input_tokens": 0, "output_tokens": 0, field: 1_000}
                call = ModelCall(kind="message", model_name=offer.model_name, asked=offer.model_name, **used)  # type: ignore[arg-type]
                charged = price(call)
                assert charged == (None if listed is None else pytest.approx(listed * 1_000, abs=1)), offer


def test_a_model_that_nobody_lists_is_offered_by_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    variables = {
        "DEFAULT_MODEL": "openai:llama3:8b",
        "ALLOWED_MODELS": "openai:llama3:8b,openai:gpt-4o,bedrock:no.such-model,nobody:x",
        "OPENAI_BASE_URL": "http://127.0.0.1:9/v1",
    }
    found = offered(monkeypatch, variables)
    assert names(found) == ["openai:llama3:8b", "openai:gpt-4o", "bedrock:no.such-model"]
    unknown = {(one.context_tokens, one.input_price, one.vision, one.tools) for one in found}
    assert unknown == {(None, None, None, None)}  # the endpoint's gpt-4o is whatever it likes


@pytest.mark.parametrize(("key", "is_offered"), [("sk-example", True), ("", False)])
def test_models_of_openai_are_offered_where_there_is_a_key(
    monkeypatch: pytest.MonkeyPatch, key: str, is_offered: bool
) -> None:
    found = names(offered(monkeypatch, {"ALLOWED_MODELS": "openai:*", "OPENAI_API_KEY": key, "OPENAI_BASE_URL": ""}))
    assert ("openai:gpt-4o-mini" in found) == is_offered
    assert [name for name in found if "image" in name or "embedding" in name] == []


def test_models_of_bedrock_are_not_offered_to_a_laptop_without_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    variables = {"AWS_ACCESS_KEY_ID": "local", "DEFAULT_MODEL": "local:smollm2", "ALLOWED_MODELS": "*"}
    assert names(offered(monkeypatch, variables)) == ["local:smollm2"]
