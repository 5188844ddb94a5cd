"""The embedded model of the local runner, which speaks OpenAI's protocol."""

from chatkeep.errors import ModelNotSupportedError
from functions.chat.models import openai
from functions.chat.models.model_settings import ModelSettings
from functions.chat.models.openai import CompatibleModel
from functions.chat.settings import settings


def make(wanted: ModelSettings) -> CompatibleModel:
    """Raises ModelNotSupportedError where there is none."""
    url = settings().local_model_url
    if url is None:
        raise ModelNotSupportedError("this deployment has no embedded model")
    return openai.compatible(wanted, base_url=url, api_key="local", endpoint_options={})
