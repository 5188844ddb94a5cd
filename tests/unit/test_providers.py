"""The table of providers: each row leads to a module that makes models, and to a provider of the price list."""

import inspect

import pytest
from genai_prices.data import providers as listed

from chatkeep.agent.models.model_settings import ModelSettings
from chatkeep.agent.providers import MADE_HERE, PROVIDERS

PRICE_IDS = {provider.id for provider in listed}


@pytest.mark.parametrize("name", MADE_HERE)
def test_a_providers_module_makes_a_model_of_a_sessions_settings(name: str) -> None:
    (wanted,) = inspect.signature(PROVIDERS[name].make()).parameters.values()
    assert wanted.annotation is ModelSettings


@pytest.mark.parametrize("name", [name for name, provider in PROVIDERS.items() if provider.price_id])
def test_a_providers_prices_are_in_the_list(name: str) -> None:
    assert PROVIDERS[name].price_id in PRICE_IDS


def test_a_provider_leads_to_a_module_or_to_prices() -> None:
    assert all(provider.module or provider.price_id for provider in PROVIDERS.values())
