"""Creating a session."""

from collections.abc import Mapping
from typing import Any

from chatkeep import ids
from chatkeep.clock import now, stamp
from chatkeep.dynamodb.transaction import Transaction
from chatkeep.errors import UserBeingErasedError
from chatkeep.idempotency import AlreadyAnsweredError, Claim
from chatkeep.models.details import Details
from chatkeep.models.preferences import Preferences
from chatkeep.models.session import LONG, Session
from chatkeep.models.totals import Totals
from chatkeep.sessions import created, placing, timers
from chatkeep.sessions.preferences import TITLE
from chatkeep.sessions.views import SessionView, view


class _ExistsError(Exception):
    """There is a session with this id."""


def create(
    user_id: str,
    settings: Mapping[str, Any],
    claim: Claim | None,
    client_id: str | None = None,
    are_preferred: bool = False,
) -> tuple[SessionView, bool]:
    """Create a session with these settings, and say that it is new.

    A second session with the same `client_id` is the first one, as it is now, and not new. A repetition of `claim` gets
    what its first request got, as it was then. Raises IdempotencyKeyReusedError, UserBeingErasedError, and
    SessionDeletedError where the session with this `client_id`, or of the first request, is being removed for good.
    Settings that `are_preferred` come from the user's preferences, and go with them when the user is erased. One that
    `wants_title` gets one after its first turn if it has none of its own, and is not temporary.
    """
    session = _new(user_id, settings, client_id)
    made = view(session), True
    long = placing.apart({name: getattr(session, name) for name in LONG}, placing.room(session))
    for name in long:
        setattr(session, name, None)
    try:
        with Transaction() as transaction:
            transaction.put(session, condition=Session.sk.does_not_exist(), otherwise=_ExistsError())
            if long:
                transaction.put(Details(user_id, session.session_id, **long))
            if timer := timers.timer_of(session):
                transaction.put(timer)
            transaction.change(
                Totals(user_id),
                Totals.active_sessions.add(1),
                Totals.created_at.set(Totals.created_at | session.created_at),
                condition=Totals.erasure_id.does_not_exist(),
                otherwise=UserBeingErasedError(),
            )
            if are_preferred:
                still_there = Preferences.sk.exists()
                transaction.check(Preferences, Preferences.KEY.of(user_id), still_there, UserBeingErasedError())
            if claim:
                created.keep(transaction, user_id, claim, made, session.session_id)
    except AlreadyAnsweredError:
        # Where there is none any more, it has expired this very moment, or its session is gone.
        return created.repeated(user_id, claim) or create(user_id, settings, claim, client_id, are_preferred)
    except _ExistsError:
        if client_id is not None:
            return created.under_taken_id(user_id, session.session_id, claim)
        # This very transaction was carried out, and its answer lost: nobody else has the session's fresh id.
    return made


def _new(user_id: str, settings: Mapping[str, Any], client_id: str | None) -> Session:
    at = stamp(now())
    session = Session(
        user_id,
        ids.of_session(user_id, client_id) if client_id else ids.new(),
        created_at=at,
        updated_at=at,
        is_archived=False,
        client_id=client_id,
        **settings,
    )
    if not session.wants_title or session.title != TITLE or session.is_temporary:
        session.wants_title = None
    session.place_in_list()
    return session
