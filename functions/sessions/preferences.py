"""Preferences as requests read and write them, and the settings of a session that a request creates."""

from typing import Any

from pynamodb.expressions.condition import Condition

from chatkeep.dynamodb.transaction import Transaction
from chatkeep.errors import UserBeingErasedError
from chatkeep.models.preferences import Preferences
from chatkeep.models.totals import Totals
from chatkeep.sessions.preferences import EXPIRY, over_defaults, starting
from chatkeep.sessions.timers import TEMPORARY_DAYS
from functions.sessions.schemas.preferences import NewPreferences, PreferencesView
from functions.sessions.schemas.sessions import NewSession
from functions.sessions.settings import settings

NEVER = 0


def get(user_id: str) -> PreferencesView:
    """The user's choices, and the deployment's defaults for the rest and for a model that is no longer allowed."""
    return _shown(Preferences.find(user_id) or Preferences(user_id))


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
    return _shown(chosen)


def for_session(user_id: str, new: NewSession) -> tuple[dict[str, Any], bool]:
    """The settings of a new session: those that are given, the user's preferences, the deployment's defaults.

    Also whether the user has any preferences. Raises ModelNotSupportedError.
    """
    if new.model_name is not None:
        settings().allowed_models.check(new.model_name)
    chosen, are_preferred = starting(user_id, settings())
    given = {name: value for name, value in new if value is not None and name != "session_id"}
    if new.is_temporary:
        given["expire_after_days"] = TEMPORARY_DAYS
    elif "expire_after_days" in new.model_fields_set:
        given["expire_after_days"] = new.expire_after_days
    return chosen | given, are_preferred


def _shown(chosen: Preferences) -> PreferencesView:
    return PreferencesView.model_validate(over_defaults(chosen, settings()))
