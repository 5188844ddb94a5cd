"""What a sender does while another turn runs: its `strategy`, in LangGraph's own names."""

import time
from contextlib import suppress
from enum import StrEnum

from botocore.exceptions import BotoCoreError
from pynamodb.exceptions import PynamoDBException
from pynamodb.expressions.condition import Condition

from chatkeep import sessions
from chatkeep.clock import milliseconds, now
from chatkeep.deadline import time_of_day
from chatkeep.dynamodb.transaction import Transaction, update_if
from chatkeep.errors import ChatkeepError, NoTurnRunningError, SessionChangedError, TurnInProgressError
from chatkeep.models.session import Session
from chatkeep.retrying import attempts, nap
from chatkeep.turns import lease, slots
from chatkeep.turns.lease import CancelAction, Sender, TakenError, Ticket

ATTEMPTS = 8
POLL_SECONDS = 0.3
LONGEST_QUEUE = 4
"""Each who waits holds a function; more could seldom be served before they have to give up."""


class Strategy(StrEnum):
    """What a sender wants done about a turn that is running."""

    REJECT = "reject"
    ENQUEUE = "enqueue"
    INTERRUPT = "interrupt"
    ROLLBACK = "rollback"


CANCELS = {Strategy.INTERRUPT: CancelAction.KEEP, Strategy.ROLLBACK: CancelAction.ROLL_BACK}


def acquire(sender: Sender, strategy: Strategy, start_by: float, limit: int) -> Session:
    """Take the session's lease and one of its user's `limit` slots, waiting until `start_by` if the strategy says so.

    Waiting senders are served in order of arrival; those who cancel the running turn come before those who wait for its
    end. Raises TurnInProgressError, also for a repetition of the running turn itself; TooManyTurnsError;
    SessionChangedError; and what `lease.acquire` raises, but for TakenError. Then neither lease nor slot is held.
    """
    refusal: TurnInProgressError | None = None
    for _ in attempts(ATTEMPTS):
        try:
            return _with_slot(sender, lease.acquire(sender, None), limit)
        except TakenError as taken:
            refusal = _refusal(without_dead(taken.session))
        if refusal is not None:
            break
        # The turn ended meanwhile, or only senders who had died were waiting.
    if refusal is None:
        raise SessionChangedError(sender.session_id)
    if strategy is Strategy.REJECT or refusal.turn_id == sender.turn_id:
        raise refusal
    slots.take(sender, limit)
    try:
        return _in_line(sender, strategy, start_by, refusal)
    except BaseException:
        slots.release(sender)
        raise


def wait_for_twin(sender: Sender, until: float, limit: int) -> None:
    """Return once the sender's turn, which another request runs or waits for, does neither any more.

    Raises TurnInProgressError where it still does at `until`, TooManyTurnsError.
    """
    slots.take(sender, limit)
    try:
        while _pending(sessions.header(sender.user_id, sender.session_id), sender.turn_id):
            if not _nap(until):
                raise TurnInProgressError(sender.turn_id)
    finally:
        slots.release(sender)


def without_dead(session: Session) -> Session:
    """The session's header after those who died while they were first in a queue are removed from it."""
    while dead := next((one for one in _firsts(session) if one.expires_at <= milliseconds(now())), None):
        first = dead.queue()[0]
        if not update_if(session, [first.remove()], first == str(dead)):
            session = sessions.header(session.user_id, session.session_id)
    return session


def _with_slot(sender: Sender, session: Session, limit: int) -> Session:
    """`session`, whose lease the sender has just acquired, once it has a slot too; else the lease is given up."""
    try:
        slots.take(sender, limit)
    except BaseException:
        with suppress(PynamoDBException, BotoCoreError):  # else it expires by itself
            lease.release(session)
        raise
    return session


def _in_line(sender: Sender, strategy: Strategy, start_by: float, refusal: TurnInProgressError) -> Session:
    ticket = Ticket(sender.turn_id, milliseconds(time_of_day(start_by)), interrupts=strategy in CANCELS)
    _join(sender, ticket, otherwise=refusal)
    try:
        return _wait(sender, ticket, CANCELS.get(strategy), start_by)
    except BaseException:
        with suppress(ChatkeepError, PynamoDBException, BotoCoreError):  # else the ticket expires by itself
            _leave(sender, ticket)
        raise


def _tickets(session: Session) -> list[Ticket]:
    """Everybody who waits, in the order in which they are served."""
    return [
        *(Ticket.parse(text, interrupts=True) for text in session.interrupting or []),
        *(Ticket.parse(text, interrupts=False) for text in session.waiting or []),
    ]


def _firsts(session: Session) -> list[Ticket]:
    tickets = _tickets(session)
    return [*tickets[:1], *[one for one in tickets if not one.interrupts][:1]]


def _pending(session: Session, turn_id: str) -> bool:
    waits = any(one.turn_id == turn_id and one.expires_at > milliseconds(now()) for one in _tickets(session))
    return waits or lease.running_turn(session) == turn_id


def _refusal(session: Session) -> TurnInProgressError | None:
    """Why a sender who does not wait is refused, if there still is a reason."""
    running = lease.running_turn(session)
    if running is not None:
        remaining = session.lease_expires_at - milliseconds(now())
        return TurnInProgressError(running, retry_after_seconds=max(1, min(5, int(remaining // 1000))))
    waiting = _tickets(session)
    return TurnInProgressError(waiting[0].turn_id) if waiting else None


def _join(sender: Sender, ticket: Ticket, otherwise: TurnInProgressError) -> None:
    session, queue = Session(sender.user_id, sender.session_id), ticket.queue()
    room: Condition = Session.sk.exists() & queue[LONGEST_QUEUE - 1].does_not_exist()
    # This very update was carried out and its answer lost.
    absent: Condition = queue.does_not_exist() | ~queue.contains(str(ticket))
    joined = update_if(session, [queue.set((queue | []).append([str(ticket)]))], room & absent)
    if not joined and ticket not in _tickets(sessions.header(sender.user_id, sender.session_id)):
        raise otherwise


def _wait(sender: Sender, ticket: Ticket, cancels: CancelAction | None, start_by: float) -> Session:
    while True:
        session = without_dead(sessions.ready(sender.user_id, sender.session_id))
        running = lease.running_turn(session)
        if running == ticket.turn_id:  # a repetition of this request, which came first
            raise TurnInProgressError(ticket.turn_id)
        if running is None and _tickets(session)[:1] == [ticket]:
            with suppress(TakenError):
                return lease.acquire(sender, ticket)
        if running is not None and cancels is not None:
            _cancel(session, cancels)
        if not _nap(start_by):
            raise TurnInProgressError(running or ticket.turn_id)


def _cancel(session: Session, action: CancelAction) -> None:
    """Ask for it once; who wants the turn's effects removed overrules who would keep them."""
    if lease.asked(session) not in (action, CancelAction.ROLL_BACK):
        with suppress(NoTurnRunningError), Transaction() as transaction:
            lease.cancel(transaction, session, action)


def _leave(sender: Sender, ticket: Ticket) -> None:
    for _ in attempts(ATTEMPTS):  # then the ticket expires by itself
        waiting = _tickets(sessions.header(sender.user_id, sender.session_id))
        if ticket not in waiting:
            return
        place = ticket.queue()[[one for one in waiting if one.interrupts == ticket.interrupts].index(ticket)]
        if update_if(Session(sender.user_id, sender.session_id), [place.remove()], place == str(ticket)):
            return


def _nap(until: float) -> bool:
    return nap(POLL_SECONDS, until - time.monotonic())
