"""A user's preferences over the deployment's defaults, and the settings that a new session gets of both."""

from typing import Any

from pynamodb.expressions.condition import Condition

from chatkeep.dynamodb.transaction import Transaction
from chatkeep.errors import UserBeingErasedError
from chatkeep.models.preferences import Preferences
from chatkeep.models.totals import Totals
from chatkeep.sessions.timers import TEMPORARY_DAYS
from functions.sessions.schemas.preferences import NewPreferences, PreferencesView
from functions.sessions.schemas.sessions import NewSession
from functions.sessions.settings import settings

EXPIRY, NEVER = "default_expire_after_days", 0


def get(user_id: str) -> PreferencesView:
    """The user's choices, and the deployment's defaults for the rest and for a model that is no longer allowed."""
    return _over_defaults(Preferences.find(user_id) or Preferences(user_id))


def put(user_id: str, preferences: NewPreferences) -> PreferencesView:
    """Replace all preferences; a field that is left out falls back to the deployment's default.

    Raises ModelNotSupportedError, UserBeingErasedError.
    """
    if preferences.default_model is not None:
        settings().allowed_models.check(preferences.default_model, field="default_model")
    given = preferences.given()
    if given.get(EXPIRY, 0) is None:
        given[EXPIRY] = NEVER
    chosen = Preferences(user_id, **given)
    with Transaction() as transaction:
        transaction.put(chosen)
        not_erased: Condition = Totals.erasure_id.does_not_exist()
        transaction.check(Totals, Totals.KEY.of(user_id), not_erased, UserBeingErasedError())
    return _over_defaults(chosen)


def for_session(user_id: str, new: NewSession) -> tuple[dict[str, Any], bool]:
    """The settings of a new session: those that are given, the user's preferences, the deployment's defaults.

    Also whether the user has any preferences. Raises ModelNotSupportedError.
    """
    if new.model_name is not None:
        settings().allowed_models.check(new.model_name)
    stored = Preferences.find(user_id)
    chosen = _over_defaults(stored or Preferences(user_id))
    starting = {
        "model_name": chosen.default_model,
        "temperature": chosen.default_temperature,
        "max_tokens": chosen.default_max_tokens,
        "enable_summarization": chosen.enable_auto_summarization,
        "custom_system_prompt": chosen.custom_system_prompt,
    }
    given = {name: value for name, value in new if value is not None and name != "session_id"}
    if new.is_temporary:
        given["expire_after_days"] = TEMPORARY_DAYS
    elif "expire_after_days" not in new.model_fields_set:
        given["expire_after_days"] = chosen.default_expire_after_days
    return starting | given, stored is not None


def _over_defaults(chosen: Preferences) -> PreferencesView:
    defaults = {
        "default_model": settings().default_model,
        "default_temperature": settings().default_temperature,
        "default_max_tokens": settings().default_max_tokens,
        "enable_auto_summarization": settings().default_enable_summarization,
        "custom_system_prompt": settings().default_system_prompt,
    }
    values = {name: getattr(chosen, name) for name in defaults}
    days = settings().default_expire_after_days if (known := getattr(chosen, EXPIRY)) is None else int(known)
    if chosen.default_model is not None and not settings().allowed_models.allows(chosen.default_model):
        values["default_model"] = None
    return PreferencesView.model_validate(
        {
            **{name: defaults[name] if value is None else value for name, value in values.items()},
            EXPIRY: days or None,
        }
    )
