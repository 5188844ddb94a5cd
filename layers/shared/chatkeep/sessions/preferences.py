"""A user's preferences over the deployment's defaults, and the settings that a new session gets of both."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from chatkeep.model_names import AllowedModels
from chatkeep.models.preferences import Preferences
from chatkeep.settings import required

EXPIRY = "default_expire_after_days"
TITLE = "New Conversation"
UNSAID: Mapping[str, Any] = {
    "title": TITLE,
    "on_overflow": None,
    "metadata": {},
    "model_options": {},
    "tags": [],
    "is_pinned": False,
    "is_temporary": False,
}
"""The settings of a session of which its creator says nothing, beside those that preferences have."""


@dataclass(frozen=True)
class Defaults:
    """The deployment's defaults of new sessions; `default_expire_after_days` is 0 for never."""

    default_model: str
    allowed_models: AllowedModels
    default_temperature: float
    default_max_tokens: int
    default_enable_summarization: bool
    default_system_prompt: str
    default_expire_after_days: int
    default_generate_titles: bool

    @classmethod
    def read(cls, environment: Mapping[str, str]) -> Self:
        """Raises KeyError naming the missing variable, ValueError for one that is not a number."""
        return cls(**defaults_in(environment))


def defaults_in(environment: Mapping[str, str]) -> dict[str, Any]:
    """The fields of `Defaults`. Raises as its `read` does."""
    default_model = required(environment, "DEFAULT_MODEL")
    return {
        "default_model": default_model,
        "allowed_models": AllowedModels.read(environment.get("ALLOWED_MODELS", ""), default_model),
        "default_temperature": float(required(environment, "DEFAULT_TEMPERATURE")),
        "default_max_tokens": int(required(environment, "DEFAULT_MAX_TOKENS")),
        "default_enable_summarization": required(environment, "DEFAULT_ENABLE_SUMMARIZATION") == "true",
        "default_system_prompt": environment.get("DEFAULT_SYSTEM_PROMPT", ""),
        "default_expire_after_days": int(required(environment, "DEFAULT_EXPIRE_AFTER_DAYS")),
        "default_generate_titles": generates_titles(environment),
    }


def generates_titles(environment: Mapping[str, str]) -> bool:
    """Whether sessions without a title get one where their user has no preference. Raises KeyError."""
    return required(environment, "DEFAULT_GENERATE_TITLES") == "true"


def starting(user_id: str, defaults: Defaults) -> tuple[dict[str, Any], bool]:
    """The settings of a new session of which nothing is said, and whether the user has any preferences."""
    stored = Preferences.find(user_id)
    chosen = over_defaults(stored or Preferences(user_id), defaults)
    return {
        **UNSAID,
        "model_name": chosen["default_model"],
        "temperature": chosen["default_temperature"],
        "max_tokens": chosen["default_max_tokens"],
        "enable_summarization": chosen["enable_auto_summarization"],
        "custom_system_prompt": chosen["custom_system_prompt"],
        "expire_after_days": chosen[EXPIRY],
        "wants_title": chosen["generate_titles"],
    }, stored is not None


def over_defaults(chosen: Preferences, defaults: Defaults) -> dict[str, Any]:
    """The user's choices, and the deployment's defaults for the rest and for a model that is no longer allowed."""
    fallbacks = {
        "default_model": defaults.default_model,
        "default_temperature": defaults.default_temperature,
        "default_max_tokens": defaults.default_max_tokens,
        "enable_auto_summarization": defaults.default_enable_summarization,
        "custom_system_prompt": defaults.default_system_prompt,
        "generate_titles": defaults.default_generate_titles,
    }
    values = {name: fallback if (one := getattr(chosen, name)) is None else one for name, fallback in fallbacks.items()}
    days = defaults.default_expire_after_days if (known := getattr(chosen, EXPIRY)) is None else int(known)
    if chosen.default_model is not None and not defaults.allowed_models.allows(chosen.default_model):
        values["default_model"] = None
    return {
        **{name: fallbacks[name] if value is None else value for name, value in values.items()},
        EXPIRY: days or None,
    }
