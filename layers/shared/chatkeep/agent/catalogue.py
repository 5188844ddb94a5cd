"""The models that this deployment can call, as far as the lists that come with its packages know them."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache
from importlib import import_module
from typing import Any

from chatkeep.agent import prices
from chatkeep.agent.providers import MADE_HERE, PROVIDERS
from chatkeep.agent.settings import settings
from chatkeep.context_limits import OPTION
from chatkeep.model_names import GEOGRAPHY, geographies
from chatkeep.telemetry import logger

NO_CREDENTIALS = "local"
"""The key of the local runner's user, whom AWS does not know."""


@dataclass(frozen=True)
class Offer:
    """A model: tokens that it reads at most, US dollars for a million tokens; None where the lists do not tell."""

    model_name: str
    context_tokens: int | None
    input_price: float | None
    output_price: float | None
    vision: bool | None
    tools: bool | None

    @property
    def provider(self) -> str:
        return self.model_name.partition(":")[0]


def offers() -> list[Offer]:
    """The default model first, then those that the deployment names, then what its patterns allow of the known ones.

    A name with a wildcard is a pattern; a model that nobody lists is offered where its name stands without one. Of
    Bedrock's models those are left out whose inference profile is of another region, and those that stand under a
    profile as well, as the newer ones are called by profiles alone.
    """
    allowed = settings().allowed_models
    named = [allowed.default_model, *(one for one in allowed.patterns if not set("*?[") & set(one))]
    known = sorted(name for provider in MADE_HERE for name in _known(provider) if allowed.allows(name))
    return [_offer(name) for name in dict.fromkeys([*named, *known]) if name.partition(":")[0] in MADE_HERE]


def context_limit(model_name: str) -> int | None:
    """Tokens that the model reads at most, by the deployment's options, else by the lists; None where these do not know
    it, or its endpoint is another one.

    Never raises, as turns ask for it once they have their answer.
    """
    try:
        return _context_tokens(model_name)
    except Exception:  # a limit is not worth an answer
        logger.warning("no context limit", exc_info=True, extra={"model_name": model_name})
        return None


def _context_tokens(model_name: str) -> int | None:
    told = _told(model_name) or PROVIDERS[model_name.partition(":")[0]].context_tokens
    return told or _profile(model_name).get("max_input_tokens") or prices.listed(model_name).context_tokens


def _told(model_name: str) -> int | None:
    """What the deployment says of the models at its OpenAI-compatible endpoint: of all, or by patterns."""
    provider, _, model = model_name.partition(":")
    limits = settings().openai_options.get(OPTION) if provider == "openai" else None
    by_pattern = limits if isinstance(limits, dict) else {"*": limits}
    return next((tokens for pattern, tokens in by_pattern.items() if fnmatchcase(model, pattern)), None)


def _known(provider: str) -> Iterator[str]:
    """The names of the provider's models that answer with text and can be called from here."""
    if not _is_reached(provider):
        return
    texts = {name for name, profile in _profiles(provider).items() if _answers(f"{provider}:{name}", profile)}
    here = geographies(os.environ.get("AWS_REGION", ""))
    for name in texts:
        found = GEOGRAPHY.match(f"{provider}:{name}")
        if found is None:
            others = (f"{place}.{name}" for place in here)
            if provider != "bedrock" or not texts.intersection(others):
                yield f"{provider}:{name}"
        elif found[1] in here:
            yield f"{provider}:{name}"


def _is_reached(provider: str) -> bool:
    """Whether the provider that the lists know is called, with a key: another endpoint has models of its own."""
    if provider == "openai":
        return settings().openai_api_key is not None and not settings().openai_base_url
    return provider == "bedrock" and os.environ.get("AWS_ACCESS_KEY_ID") != NO_CREDENTIALS


def _answers(model_name: str, profile: dict[str, Any]) -> bool:
    """Whether it answers with words: not with pictures or speech, and not with numbers, whose output has no price."""
    writes = profile.get("text_outputs") and profile.get("max_input_tokens") and profile.get("max_output_tokens")
    listed = prices.listed(model_name)
    is_read_alone = listed.input_price is not None and listed.output_price is None
    return bool(writes and not is_read_alone and not profile.get("audio_outputs") and not profile.get("image_outputs"))


def _offer(model_name: str) -> Offer:
    profile, listed = _profile(model_name), prices.listed(model_name)
    return Offer(
        model_name,
        _context_tokens(model_name),
        listed.input_price,
        listed.output_price,
        profile.get("image_inputs"),
        profile.get("tool_calling"),
    )


def _profile(model_name: str) -> dict[str, Any]:
    """What is known of the model; empty where nobody lists it, or its endpoint is another one."""
    provider, _, model = model_name.partition(":")
    return _profiles(provider).get(model, {}) if prices.are_listed(model_name) else {}


@cache
def _profiles(provider: str) -> dict[str, dict[str, Any]]:
    """What LangChain's package of the provider knows of its models; importing it takes seconds. Empty without any."""
    package = PROVIDERS[provider].package
    if package is None:
        return {}
    found: dict[str, dict[str, Any]] = import_module(f"{package}.data._profiles")._PROFILES  # they have no public name
    return found
