"""A user's preferences over the deployment's defaults, and the settings that a new session gets of both."""

from typing import Any

from chatkeep.models.preferences import Preferences
from functions.sessions.schemas import NewPreferences, NewSession, PreferencesView
from functions.sessions.settings import settings


def get(user_id: str) -> PreferencesView:
    """The user's choices, and the deployment's defaults for the rest and for a model that is no longer allowed."""
    return _over_defaults(Preferences.find(user_id) or Preferences(user_id))


def put(user_id: str, preferences: NewPreferences) -> PreferencesView:
    """Replace all preferences; a field that is left out falls back to the deployment's default.

    Raises ModelNotSupportedError.
    """
    if preferences.default_model is not None:
        settings().allowed_models.check(preferences.default_model, field="default_model")
    chosen = Preferences(user_id, **preferences.given())
    chosen.save()
    return _over_defaults(chosen)


def for_session(user_id: str, new: NewSession) -> dict[str, Any]:
    """The settings of a new session: those that are given, the user's preferences, the deployment's defaults.

    Raises ModelNotSupportedError.
    """
    if new.model_name is not None:
        settings().allowed_models.check(new.model_name)
    chosen = get(user_id)
    starting = {
        "model_name": chosen.default_model,
        "temperature": chosen.default_temperature,
        "max_tokens": chosen.default_max_tokens,
        "enable_summarization": chosen.enable_auto_summarization,
        "custom_system_prompt": chosen.custom_system_prompt,
    }
    return starting | {name: value for name, value in new if value is not None}


def _over_defaults(chosen: Preferences) -> PreferencesView:
    defaults = {
        "default_model": settings().default_model,
        "default_temperature": settings().default_temperature,
        "default_max_tokens": settings().default_max_tokens,
        "enable_auto_summarization": settings().default_enable_summarization,
        "custom_system_prompt": settings().default_system_prompt,
    }
    values = {name: getattr(chosen, name) for name in defaults}
    if chosen.default_model is not None and not settings().allowed_models.allows(chosen.default_model):
        values["default_model"] = None
    return PreferencesView.model_validate(
        {name: defaults[name] if value is None else value for name, value in values.items()}
    )
