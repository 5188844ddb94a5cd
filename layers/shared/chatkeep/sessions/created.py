"""Answers to the creation of a session that is there already: to a repetition, and for an id that is taken."""

from pynamodb.expressions.condition import Condition

from chatkeep import ids, sessions
from chatkeep.dynamodb.transaction import Transaction
from chatkeep.errors import SessionDeletedError, UserBeingErasedError
from chatkeep.idempotency import AlreadyAnsweredError, Claim, recall, remember
from chatkeep.models.session import Session
from chatkeep.models.totals import Totals
from chatkeep.sessions.views import SessionView, view

Created = tuple[SessionView, bool]


class _Answered(SessionView):
    """The session as it was then, and whether it was new; an answer of an earlier version told of new ones alone."""

    is_new: bool = True


def keep(transaction: Transaction, user_id: str, claim: Claim, created: Created, session_id: str) -> None:
    """Keep the answer for repetitions of `claim`; `session_id` is the stored one."""
    shown, is_new = created
    answered = _Answered.model_validate({**shown.model_dump(), "is_new": is_new})
    remember(transaction, user_id, claim, answered, session_id)


def repeated(user_id: str, claim: Claim | None) -> Created | None:
    """The answer that `claim` had, if there is one.

    Raises IdempotencyKeyReusedError, and SessionDeletedError or UserBeingErasedError if its session is gone for good.
    """
    answered = recall(user_id, claim, _Answered) if claim else None
    if answered is None:
        return None
    _standing(user_id, ids.of_session(user_id, answered.session_id))
    return SessionView.model_validate(answered.model_dump(exclude={"is_new"})), answered.is_new


def under_taken_id(user_id: str, session_id: str, claim: Claim | None) -> Created:
    """The session that has the id, as it is, or as the answer to `claim` was.

    Raises SessionDeletedError, or UserBeingErasedError, where it is being removed for good, and
    IdempotencyKeyReusedError.
    """
    session = _standing(user_id, session_id)
    if known := repeated(user_id, claim):
        return known
    sessions.load_details([session])
    found = view(session), False
    if claim:
        stays: Condition = (Session.created_at == session.created_at) & Session.deletion_id.does_not_exist()
        try:
            with Transaction() as transaction:
                transaction.check(Session, Session.KEY.of(user_id, session_id), stays, SessionDeletedError())
                keep(transaction, user_id, claim, found, session_id)
        except AlreadyAnsweredError:
            return under_taken_id(user_id, session_id, claim)
    return found


def _standing(user_id: str, session_id: str) -> Session:
    """The header of a session that has not gone for good."""
    session = Session.find(user_id, session_id)
    if session is None or session.deletion_id is not None:
        totals = Totals.find(user_id)
        raise UserBeingErasedError() if totals and totals.erasure_id else SessionDeletedError()
    return session
