"""A user's preferences over the deployment's defaults."""

from chatkeep.models.preferences import Preferences
from functions.sessions.schemas import NewPreferences, PreferencesView
from functions.sessions.settings import settings


def get(user_id: str) -> PreferencesView:
    """What the user chose, and the deployment's defaults for the rest and for a model that is no longer allowed."""
    try:
        chosen = Preferences.get(*Preferences.key(user_id), consistent_read=True)
    except Preferences.DoesNotExist:
        chosen = Preferences(*Preferences.key(user_id))
    return _over_defaults(chosen)


def put(user_id: str, preferences: NewPreferences) -> PreferencesView:
    """Replace all preferences; what is left out falls back to the deployment's default.

    Raises ModelNotSupportedError.
    """
    if preferences.default_model is not None:
        settings().allowed_models.check(preferences.default_model, field="default_model")
    chosen = Preferences(*Preferences.key(user_id), **preferences.given())
    chosen.save()
    return _over_defaults(chosen)


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
