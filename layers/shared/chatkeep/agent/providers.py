"""The providers of models, and models by their names, `provider:model`."""

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module

from langchain_core.language_models import BaseChatModel
from pydantic import ValidationError

from chatkeep.agent.models.model_settings import ModelSettings
from chatkeep.agent.settings import settings
from chatkeep.errors import FieldProblem, InvalidFieldError, ModelNotSupportedError


@dataclass(frozen=True)
class Provider:
    """`module` has the function `make`, and is None where only graphs make models of this provider, by LangChain's
    classes; `price_id` is the provider's id in the price list of `genai-prices`, None where it has none; `package` is
    LangChain's, where it lists the provider's models; `context_tokens` is what its models read, where that is one.
    """

    module: str | None
    price_id: str | None = None
    package: str | None = None
    context_tokens: int | None = None

    def make(self) -> Callable[[ModelSettings], BaseChatModel]:
        """The function that makes a model; the first time its module is imported, which takes seconds."""
        assert self.module is not None
        made: Callable[[ModelSettings], BaseChatModel] = import_module(self.module).make
        return made


PROVIDERS = {
    "bedrock": Provider("chatkeep.agent.models.bedrock", "aws", "langchain_aws"),
    "openai": Provider("chatkeep.agent.models.openai", "openai", "langchain_openai"),
    "local": Provider("chatkeep.agent.models.local", context_tokens=8_192),
    "scripted": Provider("chatkeep.agent.models.scripted"),
    "anthropic": Provider(None, "anthropic"),
    "azure": Provider(None, "azure"),
    "google_genai": Provider(None, "google"),
    "google_vertexai": Provider(None, "google"),
    "groq": Provider(None, "groq"),
    "mistralai": Provider(None, "mistral"),
}
MADE_HERE = [name for name, provider in PROVIDERS.items() if provider.module]


def chat_model(wanted: ModelSettings) -> BaseChatModel:
    """The model that `wanted.model_name` names.

    Raises ModelNotSupportedError where this deployment cannot call it or does not allow it, InvalidFieldError for an
    option that cannot be, UnavailableError where the key cannot be read.
    """
    provider = wanted.model_name.partition(":")[0]
    if provider not in MADE_HERE or not wanted.model:
        raise ModelNotSupportedError(f"{wanted.model_name!r} is not one of {', '.join(MADE_HERE)} and a model's name")
    settings().allowed_models.check(wanted.model_name)
    try:
        return PROVIDERS[provider].make()(wanted)
    except ValidationError as error:  # of the model's class; the session's other settings have been validated
        problem = error.errors()[0]
        field = ".".join(["model_options", *map(str, problem["loc"][:1])]) if wanted.options else "model_name"
        raise InvalidFieldError(FieldProblem(field, problem["msg"].removeprefix("Value error, "))) from None
    except (AttributeError, KeyError, TypeError, ValueError):  # the class looks into options without validating them
        if not wanted.options:
            raise
        raise InvalidFieldError(FieldProblem("model_options", "cannot be sent to this model")) from None


def prepare(model_name: str) -> None:
    """Import the packages of the model's provider, which takes seconds at the first time."""
    provider = model_name.partition(":")[0]
    if provider in MADE_HERE:
        PROVIDERS[provider].make()
