"""The settings of the functions that run turns, read from their environment."""

import json
import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from typing import Any

from chatkeep.aws.secrets import Secret
from chatkeep.model_names import AllowedModels
from chatkeep.settings import required

LEAST_CONTEXT_TOKENS = 512
"""Of a model that can hold a conversation."""


@dataclass(frozen=True)
class AgentSettings:
    """The providers' endpoints are None where this deployment has none; `graph` names a factory as `module:factory`.

    `openai_options` are those of the OpenAI-compatible endpoint: see `chatkeep.agent.models.options`. `context_limits`
    are tokens by patterns of models' names, the first that fits.
    """

    checkpoints_table: str
    graph: str
    allow_scripted_models: bool
    openai_base_url: str | None
    openai_api_key: Secret | None
    openai_options: Mapping[str, Any]
    default_model: str
    turns_per_user: int
    allowed_models: AllowedModels
    local_model_url: str | None
    context_limits: Mapping[str, int]

    @classmethod
    def read(cls, environment: Mapping[str, str]) -> "AgentSettings":
        """Raises KeyError naming the missing variable, ValueError for options that are no JSON object or no number."""
        default_model = environment.get("DEFAULT_MODEL") or ""
        return cls(
            checkpoints_table=required(environment, "CHECKPOINTS_TABLE"),
            graph=required(environment, "GRAPH"),
            allow_scripted_models=environment.get("ALLOW_SCRIPTED_MODELS") == "true",
            openai_base_url=environment.get("OPENAI_BASE_URL") or None,
            openai_api_key=Secret.read(environment, "OPENAI_API_KEY"),
            openai_options=_json_object(environment, "OPENAI_OPTIONS"),
            default_model=default_model,
            allowed_models=AllowedModels.read(environment.get("ALLOWED_MODELS", ""), default_model),
            turns_per_user=int(required(environment, "TURNS_PER_USER")),
            local_model_url=environment.get("LOCAL_MODEL_URL") or None,
            context_limits=_limits(_json_object(environment, "CONTEXT_LIMITS")),
        )


def _json_object(environment: Mapping[str, str], name: str) -> dict[str, Any]:
    with suppress(ValueError):
        if isinstance(value := json.loads(environment.get(name) or "{}"), dict):
            return value
    raise ValueError(f"the environment variable {name} is not a JSON object")


def _limits(given: Mapping[str, Any]) -> dict[str, int]:
    for pattern, tokens in given.items():
        if type(tokens) is not int or tokens < LEAST_CONTEXT_TOKENS:
            raise ValueError(
                f"the environment variable CONTEXT_LIMITS gives {pattern!r} a limit that is no number of "
                f"{LEAST_CONTEXT_TOKENS} tokens or more"
            )
    return dict(given)


@cache
def settings() -> AgentSettings:
    """This process's settings, read once."""
    return AgentSettings.read(os.environ)
