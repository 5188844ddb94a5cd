"""Cancelling the running turn at its user's request, else the one that waits in the background to run next."""

from contextlib import suppress

from chatkeep import sessions
from chatkeep.dynamodb.transaction import Transaction, as_read
from chatkeep.errors import NoTurnRunningError
from chatkeep.idempotency import AlreadyAnsweredError, Claim, recall, remember
from chatkeep.models.background import BackgroundTurn
from chatkeep.models.session import Session
from chatkeep.models.turn import Turn
from chatkeep.retrying import attempts
from chatkeep.sessions.activity import MovedError
from chatkeep.turns import backlog, lease
from chatkeep.turns.lease import CancelAction
from functions.sessions.schemas.messages import CancelView

ATTEMPTS = 4


def cancel(user_id: str, session_id: str, claim: Claim | None) -> CancelView:
    """Ask the turn to stop, or not to begin; a repetition of `claim` cancels nothing more and gets the first answer.

    Raises SessionNotFoundError, NoTurnRunningError, IdempotencyKeyReusedError.
    """
    for _ in attempts(ATTEMPTS):
        with suppress(AlreadyAnsweredError, MovedError):
            return _cancel(user_id, session_id, claim)
    raise NoTurnRunningError()


def _cancel(user_id: str, session_id: str, claim: Claim | None) -> CancelView:
    session = sessions.header(user_id, session_id)  # one that is removed for good has no answers any more
    if claim and (first := recall(user_id, claim, CancelView)):
        return first
    with Transaction() as transaction:
        running = lease.running_turn(session) is not None
        turn_id = lease.cancel(transaction, session, CancelAction.KEEP) if running else _hold(transaction, session)
        view = CancelView(turn_id=turn_id)
        if claim:
            remember(transaction, user_id, claim, view, session_id)
    return view


def _hold(transaction: Transaction, session: Session) -> str:
    """Have the session's next background turn end where it would begin, and return its id.

    Raises NoTurnRunningError where none is waiting; the transaction raises MovedError where a turn has begun meanwhile.
    """
    waiting = [job for job in backlog.of_session(session.user_id, session.session_id) if not job.is_cancelled]
    if not waiting:
        raise NoTurnRunningError()
    # A turn that begins after this looks for it; one that has begun is to be cancelled itself.
    idle = as_read(Session.lease_fence, session.lease_fence)
    transaction.check(Session, (session.pk, session.sk), idle, MovedError())
    turn = Turn.KEY.of(session.user_id, session.session_id, waiting[0].turn_id)
    transaction.check(Turn, turn, Turn.message_ids.does_not_exist(), MovedError())  # else it is answered already
    transaction.change(
        waiting[0],
        BackgroundTurn.is_cancelled.set(True),
        condition=BackgroundTurn.sk.exists(),
        otherwise=MovedError(),
    )
    return waiting[0].turn_id
