"""The settings of the functions that run turns, read from their environment."""

import json
import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from typing import Any

from chatkeep import context_limits
from chatkeep.aws.secrets import Secret
from chatkeep.model_names import AllowedModels
from chatkeep.settings import required


class Fact(StrEnum):
    """A fact that a system prompt may tell."""

    DATE = "date"
    NAME = "name"


@dataclass(frozen=True)
class AgentSettings:
    """The providers' endpoints are None where this deployment has none; `graph` names a factory as `module:factory`.

    `openai_options` are those of the OpenAI-compatible endpoint: see `chatkeep.agent.models.options`. Each system
    prompt ends with the `prompt_facts`.
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
    prompt_facts: tuple[Fact, ...]

    @classmethod
    def read(cls, environment: Mapping[str, str]) -> "AgentSettings":
        """Raises KeyError naming the missing variable, ValueError for options that are no JSON object, no number, or
        facts that are unknown."""
        default_model = environment.get("DEFAULT_MODEL") or ""
        return cls(
            checkpoints_table=required(environment, "CHECKPOINTS_TABLE"),
            graph=required(environment, "GRAPH"),
            allow_scripted_models=environment.get("ALLOW_SCRIPTED_MODELS") == "true",
            openai_base_url=environment.get("OPENAI_BASE_URL") or None,
            openai_api_key=Secret.read(environment, "OPENAI_API_KEY"),
            openai_options=_options(environment.get("OPENAI_OPTIONS") or "{}"),
            default_model=default_model,
            allowed_models=AllowedModels.read(environment.get("ALLOWED_MODELS", ""), default_model),
            turns_per_user=int(required(environment, "TURNS_PER_USER")),
            local_model_url=environment.get("LOCAL_MODEL_URL") or None,
            prompt_facts=_facts(environment.get("PROMPT_FACTS", "")),
        )


def _options(text: str) -> dict[str, Any]:
    options: Any = None
    with suppress(ValueError):
        options = json.loads(text)
    if not isinstance(options, dict):
        raise ValueError("the environment variable OPENAI_OPTIONS is not a JSON object")  # noqa: TRY004  of a text
    limits = options.get(context_limits.OPTION)
    by_pattern = limits if isinstance(limits, dict) else {"*": limits}
    if limits is not None and not all(map(context_limits.is_limit, by_pattern.values())):
        named = f"{context_limits.OPTION} in the environment variable OPENAI_OPTIONS"
        raise ValueError(f"{named}, or each of its members, {context_limits.RULE}")
    return options


def _facts(text: str) -> tuple[Fact, ...]:
    named = [word.strip() for word in text.split(",") if word.strip()]
    if unknown := next((word for word in named if word not in set(Fact)), None):
        known = ", ".join(Fact)
        raise ValueError(f"the environment variable PROMPT_FACTS names {unknown!r}, which is not one of {known}")
    return tuple(map(Fact, dict.fromkeys(named)))


@cache
def settings() -> AgentSettings:
    """This process's settings, read once."""
    return AgentSettings.read(os.environ)
