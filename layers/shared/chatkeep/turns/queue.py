"""A session's two queues: the tickets of those who wait for its lease, served in order of arrival."""

from dataclasses import dataclass
from typing import Any

from pynamodb.attributes import ListAttribute
from pynamodb.expressions.condition import Condition

from chatkeep import sessions
from chatkeep.clock import milliseconds, now
from chatkeep.dynamodb.transaction import update_if
from chatkeep.errors import TurnInProgressError
from chatkeep.models.session import Session
from chatkeep.retrying import attempts
from chatkeep.turns import lease
from chatkeep.turns.lease import Sender

ATTEMPTS = 8
LONGEST_QUEUE = 4
"""Each who waits holds a function; more could seldom be served before they have to give up."""


@dataclass(frozen=True)
class Ticket:
    """A place in one of a session's two queues, worth nothing after `expires_at` (ms since the epoch).

    Those who interrupt the running turn come before those who wait for its end.
    """

    turn_id: str
    expires_at: int
    interrupts: bool

    @classmethod
    def parse(cls, text: str, interrupts: bool) -> "Ticket":
        turn_id, _, expires_at = text.partition("@")
        return cls(turn_id, int(expires_at), interrupts)

    def __str__(self) -> str:
        return f"{self.turn_id}@{self.expires_at}"

    def queue(self) -> ListAttribute[Any]:
        """The attribute of the session that the ticket stands in."""
        return Session.interrupting if self.interrupts else Session.waiting


def take(sender: Sender, ticket: Ticket | None) -> Session:
    """Take the lease for `sender`: without a ticket only where nobody waits, with one as the first in line.

    The ticket is used up. Raises what `lease.acquire` does.
    """
    used_up = [] if ticket is None else [ticket.queue()[0].remove()]
    return lease.acquire(sender, _next(ticket), used_up)


def join(sender: Sender, ticket: Ticket, otherwise: TurnInProgressError) -> None:
    """Stand in line with `ticket`, once however often it is called; where there is no room, raise `otherwise`.

    Raises SessionNotFoundError.
    """
    session, queue = Session(sender.user_id, sender.session_id), ticket.queue()
    room: Condition = Session.sk.exists() & queue[LONGEST_QUEUE - 1].does_not_exist()
    # This very update was carried out and its answer lost.
    absent: Condition = queue.does_not_exist() | ~queue.contains(str(ticket))
    joined = update_if(session, [queue.set((queue | []).append([str(ticket)]))], room & absent)
    if not joined and ticket not in tickets(sessions.header(sender.user_id, sender.session_id)):
        raise otherwise


def leave(sender: Sender, ticket: Ticket) -> None:
    """Give up the ticket's place, and nobody else's. Raises SessionNotFoundError."""
    for _ in attempts(ATTEMPTS):  # then the ticket expires by itself
        waiting = tickets(sessions.header(sender.user_id, sender.session_id))
        if ticket not in waiting:
            return
        place = ticket.queue()[[one for one in waiting if one.interrupts == ticket.interrupts].index(ticket)]
        if update_if(Session(sender.user_id, sender.session_id), [place.remove()], place == str(ticket)):
            return


def tickets(session: Session) -> list[Ticket]:
    """Everybody who waits, in the order in which they are served."""
    return [
        *(Ticket.parse(text, interrupts=True) for text in session.interrupting or []),
        *(Ticket.parse(text, interrupts=False) for text in session.waiting or []),
    ]


def without_dead(session: Session) -> Session:
    """The session's header after those who died while they were first in a queue are removed from it."""
    while dead := next((one for one in _firsts(session) if one.expires_at <= milliseconds(now())), None):
        first = dead.queue()[0]
        if not update_if(session, [first.remove()], first == str(dead)):
            session = sessions.header(session.user_id, session.session_id)
    return session


def pending(session: Session, turn_id: str) -> bool:
    """Whether the turn runs or waits."""
    waits = any(one.turn_id == turn_id and one.expires_at > milliseconds(now()) for one in tickets(session))
    return waits or lease.running_turn(session) == turn_id


def _firsts(session: Session) -> list[Ticket]:
    waiting = tickets(session)
    return [*waiting[:1], *[one for one in waiting if not one.interrupts][:1]]


def _next(ticket: Ticket | None) -> Condition:
    """Nobody comes before `ticket`, or before who has none."""
    nobody_interrupts: Condition = Session.interrupting[0].does_not_exist()
    if ticket is None:
        nobody: Condition = nobody_interrupts & Session.waiting[0].does_not_exist()
        return nobody
    first: Condition = ticket.queue()[0] == str(ticket)
    return first if ticket.interrupts else nobody_interrupts & first
