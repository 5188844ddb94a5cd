"""Models by their names, `provider:model`."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from langchain_core.language_models import BaseChatModel
from pydantic import ValidationError

from chatkeep.errors import FieldProblem, InvalidFieldError, ModelNotSupportedError
from chatkeep.turns.calls import MODEL_NAME
from functions.chat.settings import settings

MODULES = {
    "bedrock": "functions.chat.models.bedrock",
    "local": "functions.chat.models.openai",
    "openai": "functions.chat.models.openai",
    "scripted": "functions.chat.scripted",
}
SCRIPTS = ("echo", "slow", "fail")
GRACE_SECONDS = 1.0
"""How much longer than the turn a client waits: the turn's own deadline comes first, and knows what was said."""


@dataclass(frozen=True)
class ModelSettings:
    """What a session asks of its model; after `seconds` the turn is over."""

    model_name: str
    temperature: float
    max_tokens: int
    options: Mapping[str, Any]
    seconds: float


def chat_model(wanted: ModelSettings) -> BaseChatModel:
    """The model that `wanted.model_name` names.

    Raises ModelNotSupportedError where this deployment cannot call it or does not allow it, InvalidFieldError for an
    option that cannot be, UnavailableError where the key cannot be read.
    """
    provider, _, model = wanted.model_name.partition(":")
    if provider not in PROVIDERS or not model:
        raise ModelNotSupportedError(f"{wanted.model_name!r} is not one of {', '.join(PROVIDERS)} and a model's name")
    settings().allowed_models.check(wanted.model_name)
    try:
        return PROVIDERS[provider](model, wanted)
    except ValidationError as error:  # of the model's class; the session's other settings have been validated
        problem = error.errors()[0]
        field = ".".join(["model_options", *map(str, problem["loc"][:1])]) if wanted.options else "model_name"
        raise InvalidFieldError(FieldProblem(field, problem["msg"].removeprefix("Value error, "))) from None
    except (AttributeError, KeyError, TypeError, ValueError):  # the class looks into options without validating them
        if not wanted.options:
            raise
        raise InvalidFieldError(FieldProblem("model_options", "cannot be sent to this model")) from None


def load(model_name: str) -> None:
    """Import what the model's provider needs, which takes seconds at the first time."""
    provider = model_name.partition(":")[0]
    if provider in MODULES:
        import_module(MODULES[provider])


def _bedrock(model: str, wanted: ModelSettings) -> BaseChatModel:
    from functions.chat.models import bedrock

    return bedrock.make(model, options=wanted.options, **_usual(wanted))


def _openai(model: str, wanted: ModelSettings) -> BaseChatModel:
    key = settings().openai_api_key
    if key is None:
        raise ModelNotSupportedError("this deployment has no key for an OpenAI-compatible endpoint: set OPENAI_API_KEY")
    return _compatible(model, wanted, settings().openai_base_url, key.current(), settings().openai_options)


def _local(model: str, wanted: ModelSettings) -> BaseChatModel:
    if settings().local_model_url is None:
        raise ModelNotSupportedError("this deployment has no embedded model")
    return _compatible(model, wanted, settings().local_model_url, "local", {})


def _compatible(
    model: str, wanted: ModelSettings, base_url: str | None, api_key: str, options: Mapping[str, Any]
) -> BaseChatModel:
    from functions.chat.models import openai
    from functions.chat.models.options import Wire

    wire = Wire.of(model, options, wanted.options)
    seconds = wanted.seconds + GRACE_SECONDS
    return openai.make(model, base_url=base_url, api_key=api_key, wire=wire, seconds=seconds, **_usual(wanted))


def _usual(wanted: ModelSettings) -> dict[str, Any]:
    return {
        "answer_by": time.monotonic() + wanted.seconds,
        "temperature": wanted.temperature,
        "max_tokens": wanted.max_tokens,
        "metadata": {MODEL_NAME: wanted.model_name},
    }


def _scripted(model: str, wanted: ModelSettings) -> BaseChatModel:
    from functions.chat.scripted import ScriptedModel

    if not settings().allow_scripted_models or model not in SCRIPTS:
        raise ModelNotSupportedError(f"{wanted.model_name!r} is not a script that this deployment runs")
    return ScriptedModel(script=model, metadata={MODEL_NAME: wanted.model_name})


PROVIDERS: dict[str, Callable[[str, ModelSettings], BaseChatModel]] = {
    "bedrock": _bedrock,
    "openai": _openai,
    "local": _local,
    "scripted": _scripted,
}
