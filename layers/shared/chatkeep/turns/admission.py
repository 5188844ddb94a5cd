"""A sender's way to its turn: at once, or after the running one by its `strategy`, named as in LangGraph."""

from contextlib import suppress
from enum import StrEnum

from chatkeep import sessions
from chatkeep.clock import milliseconds, now
from chatkeep.deadline import time_of_day
from chatkeep.dynamodb.errors import STORAGE_ERRORS
from chatkeep.dynamodb.transaction import Transaction
from chatkeep.errors import ChatkeepError, NoTurnRunningError, SessionChangedError, TurnInProgressError
from chatkeep.models.session import Session
from chatkeep.retrying import attempts, looks
from chatkeep.turns import lease, queue, slots
from chatkeep.turns.lease import CancelAction, Sender, TakenError
from chatkeep.turns.queue import Ticket

ATTEMPTS = 8
POLL_SECONDS = 0.3


class Strategy(StrEnum):
    """A sender's wish for the running turn."""

    REJECT = "reject"
    ENQUEUE = "enqueue"
    INTERRUPT = "interrupt"
    ROLLBACK = "rollback"


CANCELS = {Strategy.INTERRUPT: CancelAction.KEEP, Strategy.ROLLBACK: CancelAction.ROLL_BACK}


def acquire(sender: Sender, strategy: Strategy, start_by: float, limit: int) -> Session:
    """Take the session's lease and one of its user's `limit` slots, waiting until `start_by` if the strategy says so.

    Waiting senders are served in order of arrival; those who cancel the running turn come before those who wait for its
    end. Raises TurnInProgressError, also for a repetition of the running turn itself; TooManyTurnsError;
    SessionChangedError; and the errors of `lease.acquire` except TakenError. Then neither lease nor slot is held.
    """
    refusal: TurnInProgressError | None = None
    for _ in attempts(ATTEMPTS):
        try:
            return _with_slot(sender, queue.take(sender, None), limit)
        except TakenError as taken:
            refusal = refusal_of(queue.without_dead(taken.session))
        if refusal is not None:
            break
        # The turn ended meanwhile, or only senders who had died were waiting.
    if refusal is None:
        raise SessionChangedError()
    if strategy is Strategy.REJECT or refusal.turn_id == sender.turn_id:
        raise refusal
    slots.take(sender, limit)
    try:
        return _in_line(sender, strategy, start_by, refusal)
    except BaseException:
        slots.release(sender)
        raise


def wait_for_twin(sender: Sender, until: float, limit: int) -> None:
    """Return once no other request runs this sender's turn or waits for it.

    Raises TurnInProgressError if one still does at `until`, and TooManyTurnsError.
    """
    slots.take(sender, limit)
    try:
        for _ in looks(POLL_SECONDS, until):
            if not queue.pending(sessions.header(sender.user_id, sender.session_id), sender.turn_id):
                return
        raise TurnInProgressError(sender.turn_id)
    finally:
        slots.release(sender)


def _with_slot(sender: Sender, session: Session, limit: int) -> Session:
    """`session`, whose lease the sender has just acquired, with a slot too. Without a slot the lease is given up."""
    try:
        slots.release_of_dead(session)
        slots.take(sender, limit)
    except BaseException:
        with suppress(*STORAGE_ERRORS):  # else it expires by itself
            lease.release(session)
        raise
    return session


def _in_line(sender: Sender, strategy: Strategy, start_by: float, refusal: TurnInProgressError) -> Session:
    ticket = Ticket(sender.turn_id, milliseconds(time_of_day(start_by)), interrupts=strategy in CANCELS)
    queue.join(sender, ticket, otherwise=refusal)
    try:
        return _wait(sender, ticket, CANCELS.get(strategy), start_by)
    except BaseException:
        with suppress(ChatkeepError, *STORAGE_ERRORS):  # else the ticket expires by itself
            queue.leave(sender, ticket)
        raise


def refusal_of(session: Session) -> TurnInProgressError | None:
    """The error that refuses a sender who does not wait, or None if the reason is gone."""
    running = lease.running_turn(session)
    if running is not None:
        remaining = session.lease_expires_at - milliseconds(now())
        return TurnInProgressError(running, retry_after_seconds=max(1, min(5, int(remaining // 1000))))
    waiting = queue.tickets(session)
    return TurnInProgressError(waiting[0].turn_id) if waiting else None


def _wait(sender: Sender, ticket: Ticket, cancels: CancelAction | None, start_by: float) -> Session:
    running = None
    for _ in looks(POLL_SECONDS, start_by):
        session = queue.without_dead(sessions.ready(sender.user_id, sender.session_id))
        running = lease.running_turn(session)
        if running == ticket.turn_id:  # a repetition of this request, which came first
            raise TurnInProgressError(ticket.turn_id)
        if running is None and queue.tickets(session)[:1] == [ticket]:
            with suppress(TakenError):
                return queue.take(sender, ticket)
        if running is not None and cancels is not None:
            _cancel(session, cancels)
    raise TurnInProgressError(running or ticket.turn_id)


def _cancel(session: Session, action: CancelAction) -> None:
    """Ask for it once. A sender who wants the turn's effects removed overrules one who would keep them."""
    if lease.requested_cancel(session) not in (action, CancelAction.ROLL_BACK):
        with suppress(NoTurnRunningError), Transaction() as transaction:
            lease.cancel(transaction, session, action)
