"""The embedded model of the local runner, which speaks OpenAI's protocol."""

from chatkeep.agent.models import openai
from chatkeep.agent.models.model_settings import ModelSettings
from chatkeep.agent.models.openai import CompatibleModel
from chatkeep.agent.settings import settings
from chatkeep.errors import ModelNotSupportedError


def make(wanted: ModelSettings) -> CompatibleModel:
    """Raises ModelNotSupportedError where there is none."""
    url = settings().local_model_url
    if url is None:
        raise ModelNotSupportedError("this deployment has no embedded model")
    return openai.compatible(wanted, base_url=url, api_key="local", endpoint_options={})
