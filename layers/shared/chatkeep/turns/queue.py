"""What a sender does while another turn runs: its `strategy`, in LangGraph's own names."""

import random
import time
from contextlib import suppress
from datetime import datetime
from enum import StrEnum

from pynamodb.exceptions import UpdateError
from pynamodb.expressions.condition import Condition
from pynamodb.expressions.update import Action

from chatkeep import sessions
from chatkeep.clock import milliseconds, now
from chatkeep.errors import NoTurnRunningError, TurnInProgressError
from chatkeep.models.session import Session
from chatkeep.transaction import Transaction
from chatkeep.turns import lease
from chatkeep.turns.lease import CancelAction, Ticket

POLL_SECONDS = 0.2
LONGEST_QUEUE = 20


class Strategy(StrEnum):
    REJECT = "reject"
    ENQUEUE = "enqueue"
    INTERRUPT = "interrupt"
    ROLLBACK = "rollback"


CANCELS = {Strategy.INTERRUPT: CancelAction.KEEP, Strategy.ROLLBACK: CancelAction.ROLL_BACK}


def acquire(
    user_id: str, session_id: str, turn_id: str, strategy: Strategy, start_by: datetime, deadline: datetime
) -> Session:
    """Take the session's lease until `deadline`, waiting until `start_by` where the strategy says so.

    Waiting senders are served in order of arrival; those who cancel the running turn come first. Raises
    TurnInProgressError, also for a repetition of the running turn itself; and what `lease.acquire` raises.
    """
    session = lease.acquire(user_id, session_id, turn_id, deadline, None)
    if session is not None:
        return session
    refusal = _refusal(user_id, session_id)
    if refusal is None:  # it ended meanwhile, or only dead senders were waiting
        session = lease.acquire(user_id, session_id, turn_id, deadline, None)
        if session is not None:
            return session
        refusal = _refusal(user_id, session_id) or TurnInProgressError(turn_id)
    if strategy is Strategy.REJECT or refusal.turn_id == turn_id:
        raise refusal
    ticket = Ticket(turn_id, milliseconds(start_by))
    _join(user_id, session_id, ticket, first=strategy in CANCELS, otherwise=refusal)
    try:
        return _wait(user_id, session_id, ticket, CANCELS.get(strategy), start_by, deadline)
    except BaseException:
        _leave(user_id, session_id, ticket)
        raise


def wait_for(user_id: str, session_id: str, turn_id: str, until: datetime) -> None:
    """Return once `turn_id` neither runs nor waits. Raises TurnInProgressError where it still does at `until`."""
    while _pending(sessions.header(user_id, session_id), turn_id):
        if now() >= until:
            raise TurnInProgressError(turn_id)
        _pause()


def _pending(session: Session, turn_id: str) -> bool:
    return lease.running_turn(session) == turn_id or any(one.turn_id == turn_id for one in _waiting(session))


def _waiting(session: Session) -> list[Ticket]:
    return [Ticket.parse(text) for text in session.waiting or []]


def _refusal(user_id: str, session_id: str) -> TurnInProgressError | None:
    """Why a sender who does not wait is refused; senders who died while waiting are removed first."""
    session = without_dead(sessions.ready(user_id, session_id))
    running = lease.running_turn(session)
    if running is not None:
        remaining = session.lease_expires_at - milliseconds(now())
        return TurnInProgressError(running, retry_after_seconds=max(1, min(5, int(remaining // 1000))))
    waiting = _waiting(session)
    return TurnInProgressError(waiting[0].turn_id) if waiting else None


def without_dead(session: Session) -> Session:
    """The session's header after those who died while they were first in its queue are removed from it."""
    while (waiting := _waiting(session)) and waiting[0].expires_at <= milliseconds(now()):
        if not _change(session, Session.waiting[0].remove(), Session.waiting[0] == str(waiting[0])):
            session = sessions.header(session.user_id, session.session_id)
    return session


def _join(user_id: str, session_id: str, ticket: Ticket, first: bool, otherwise: TurnInProgressError) -> None:
    queue = Session.waiting | []
    joined = queue.prepend([str(ticket)]) if first else queue.append([str(ticket)])
    session = Session(user_id, session_id)
    room: Condition = Session.sk.exists() & Session.waiting[LONGEST_QUEUE - 1].does_not_exist()
    # A repetition of this request waits already, or this very update was carried out and its answer lost.
    absent: Condition = Session.waiting.does_not_exist() | ~Session.waiting.contains(str(ticket))
    joined_now = _change(session, Session.waiting.set(joined), room & absent)
    if not joined_now and ticket not in _waiting(sessions.header(user_id, session_id)):
        raise otherwise


def _wait(
    user_id: str,
    session_id: str,
    ticket: Ticket,
    cancels: CancelAction | None,
    start_by: datetime,
    deadline: datetime,
) -> Session:
    while True:
        session = without_dead(sessions.ready(user_id, session_id))
        running = lease.running_turn(session)
        if running is None and _waiting(session)[:1] == [ticket]:
            acquired = lease.acquire(user_id, session_id, ticket.turn_id, deadline, ticket)
            if acquired is not None:
                return acquired
        if running is not None and cancels is not None and session.cancel_turn_id != running:
            with suppress(NoTurnRunningError), Transaction() as transaction:
                lease.cancel(transaction, session, cancels)
        if now() >= start_by:
            raise TurnInProgressError(running or ticket.turn_id)
        _pause()


def _leave(user_id: str, session_id: str, ticket: Ticket) -> None:
    while str(ticket) in (waiting := sessions.header(user_id, session_id).waiting or []):
        place = Session.waiting[waiting.index(str(ticket))]
        if _change(Session(user_id, session_id), place.remove(), place == str(ticket)):
            return


def _change(session: Session, action: Action, condition: Condition) -> bool:
    try:
        session.update([action], condition)
    except UpdateError as error:
        if error.cause_response_code == "ConditionalCheckFailedException":
            return False
        raise
    return True


def _pause() -> None:
    time.sleep(random.uniform(POLL_SECONDS / 2, POLL_SECONDS))  # noqa: S311
