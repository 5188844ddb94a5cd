"""Models by their names, `provider:model`."""

from collections.abc import Callable
from dataclasses import dataclass

from langchain_core.language_models import BaseChatModel

from chatkeep.errors import ModelNotSupportedError
from functions.chat.settings import settings

SCRIPTS = ("echo", "slow", "fail")


@dataclass(frozen=True)
class ModelSettings:
    """What a session asks of its model; `timeout_seconds` bounds one request to it."""

    model_name: str
    temperature: float
    max_tokens: int
    timeout_seconds: float


def chat_model(wanted: ModelSettings) -> BaseChatModel:
    """The model that `wanted.model_name` names. Raises ModelNotSupportedError where this deployment cannot call it."""
    provider, _, model = wanted.model_name.partition(":")
    if provider not in PROVIDERS or not model:
        raise ModelNotSupportedError(f"{wanted.model_name!r} is not one of {', '.join(PROVIDERS)} and a model's name")
    return PROVIDERS[provider](model, wanted)


def _bedrock(model: str, wanted: ModelSettings) -> BaseChatModel:
    from botocore.config import Config
    from langchain_aws import ChatBedrockConverse

    return ChatBedrockConverse(
        model=model,
        temperature=wanted.temperature,
        max_tokens=wanted.max_tokens,
        config=Config(read_timeout=wanted.timeout_seconds, connect_timeout=5, retries={"total_max_attempts": 2}),
    )


def _openai(model: str, wanted: ModelSettings) -> BaseChatModel:
    key = settings().openai_api_key
    if key is None:
        raise ModelNotSupportedError("this deployment has no key for an OpenAI-compatible endpoint: set OPENAI_API_KEY")
    return _compatible(model, wanted, settings().openai_base_url, key)


def _local(model: str, wanted: ModelSettings) -> BaseChatModel:
    if settings().local_model_url is None:
        raise ModelNotSupportedError("this deployment has no embedded model")
    return _compatible(model, wanted, settings().local_model_url, "local")


def _compatible(model: str, wanted: ModelSettings, base_url: str | None, api_key: str) -> BaseChatModel:
    from langchain_openai import ChatOpenAI
    from langchain_openai.chat_models.base import BaseChatOpenAI
    from pydantic import SecretStr

    # Only OpenAI's own endpoint has renamed max_tokens; the compatible ones know the old name.
    kind: type[BaseChatOpenAI] = ChatOpenAI if base_url is None else BaseChatOpenAI
    return kind(
        model=model,
        base_url=base_url,
        api_key=SecretStr(api_key),
        temperature=wanted.temperature,
        max_tokens=wanted.max_tokens,
        timeout=wanted.timeout_seconds,
        max_retries=1,
        stream_usage=True,
    )


def _scripted(model: str, wanted: ModelSettings) -> BaseChatModel:
    from functions.chat.scripted import ScriptedModel

    if not settings().allow_scripted_models or model not in SCRIPTS:
        raise ModelNotSupportedError(f"{wanted.model_name!r} is not a script that this deployment runs")
    return ScriptedModel(script=model)


def missing(error: Exception) -> str | None:
    """What the embedded model says it lacks; the words of other providers are for the log alone."""
    body = getattr(error, "body", None)
    if isinstance(body, dict) and body.get("type") == "embedded_model_missing":
        return f"cannot run here: {body['message']}"
    return None


PROVIDERS: dict[str, Callable[[str, ModelSettings], BaseChatModel]] = {
    "bedrock": _bedrock,
    "openai": _openai,
    "local": _local,
    "scripted": _scripted,
}
