"""Cancelling the running turn at its user's request."""

from chatkeep import sessions
from chatkeep.dynamodb.transaction import Transaction
from chatkeep.idempotency import AlreadyAnsweredError, Claim, recall, remember
from chatkeep.turns import lease
from chatkeep.turns.lease import CancelAction
from functions.sessions.schemas.messages import CancelView


def cancel(user_id: str, session_id: str, claim: Claim | None) -> CancelView:
    """Ask the running turn to stop; a repetition of `claim` cancels nothing more and gets the first answer.

    Raises SessionNotFoundError, NoTurnRunningError, IdempotencyKeyReusedError.
    """
    session = sessions.header(user_id, session_id)  # one that is removed for good has no answers any more
    if claim and (first := recall(user_id, claim, CancelView)):
        return first
    try:
        with Transaction() as transaction:
            view = CancelView(turn_id=lease.cancel(transaction, session, CancelAction.KEEP))
            if claim:
                remember(transaction, user_id, claim, view, session_id)
    except AlreadyAnsweredError:  # by a repetition at the same moment
        return cancel(user_id, session_id, claim)
    return view
