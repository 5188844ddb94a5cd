"""The lease on a session: who may run a turn on it, and until when.

A lease is a conditional update of the session's header, so that taking it brings the settings along. Its fence grows by
one with each holder; whatever a turn writes, it writes in a transaction that requires the lease to be its own still: by
turn id, fence and owner. A holder that died is taken over once its lease has expired; what it had not committed was
never visible, so that taking over is all the repair there is.
"""

import math
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from enum import StrEnum
from functools import partial
from secrets import token_hex
from typing import Any

from pynamodb.expressions.condition import Condition
from pynamodb.expressions.update import Action

from chatkeep import sessions
from chatkeep.clock import milliseconds, now
from chatkeep.dynamodb.errors import STORAGE_ERRORS
from chatkeep.dynamodb.transaction import Transaction, as_read, update_if
from chatkeep.errors import LaterFormatError, LeaseLostError, NoTurnRunningError, StorageUnavailableError
from chatkeep.models import due
from chatkeep.models.session import OF_A_TURN, Session

SHORT_SECONDS = 25
"""A turn that may run for minutes holds its session for so long at a time: if it dies, others wait no longer."""
RENEWAL_SECONDS = 8
"""Between renewals of a short lease, so that one or two may fail."""
UNTIL = "@"


class CancelAction(StrEnum):
    KEEP = "keep"
    """Stop, and keep the words so far."""
    ROLL_BACK = "roll_back"
    """Stop, and leave nothing but the usage."""


class TakenError(Exception):
    """The lease is not available now; `session` is the header, read afterwards."""

    def __init__(self, session: Session) -> None:
        super().__init__(session.session_id)
        self.session = session


@dataclass(frozen=True)
class Sender:
    """One request for a turn: `name` tells it from others for the same turn.

    Its slot is worth nothing after `expires_at` (ms since the epoch), and neither is its lease, which ends before that
    where it is a short one, to be renewed.
    """

    user_id: str
    session_id: str
    turn_id: str
    expires_at: int
    is_short: bool = False
    name: str = field(default_factory=partial(token_hex, 8))

    @property
    def owner(self) -> str:
        """The name of the sender's slot, by which its lease is known too: it does not change when that is renewed."""
        return f"{self.name}{UNTIL}{self.expires_at}"

    def lease_expiry(self) -> int:
        """When a lease that the sender takes or renews now expires, in milliseconds since the epoch."""
        return short_expiry(self.expires_at) if self.is_short else self.expires_at


def holder(session: Session) -> Sender:
    """The sender who holds `session`'s lease."""
    name, _, expires_at = session.lease_owner.partition(UNTIL)
    return Sender(session.user_id, session.session_id, session.lease_turn_id, int(expires_at), name=name)


def short_expiry(latest: int) -> int:
    """When a short lease of this moment expires; not after `latest`."""
    return min(latest, milliseconds(now()) + SHORT_SECONDS * 1_000)


def short_age(session: Session) -> float:
    """Seconds since `session`'s short lease was taken or renewed; infinite for one that is not short."""
    if session.lease_expires_at == holder(session).expires_at:
        return math.inf
    return SHORT_SECONDS - (session.lease_expires_at - milliseconds(now())) / 1_000


def acquire(sender: Sender, admitted: Condition, more: Sequence[Action] = ()) -> Session:
    """Take the lease for `sender` and return the session with the details that turns need.

    The same update carries out `more`. Raises TakenError while another turn has the lease or `admitted` does not hold,
    SessionNotFoundError, SessionDeletedError, SessionArchivedError.
    """
    session = Session(sender.user_id, sender.session_id)
    try:
        if not update_if(session, [*_taking(sender), *more], _free() & admitted):
            session = sessions.ready(sender.user_id, sender.session_id)
            if session.lease_owner != sender.owner:  # else it was this update, whose first answer was lost
                raise TakenError(session)
        sessions.load_details([session], OF_A_TURN)
    except (*STORAGE_ERRORS, StorageUnavailableError, LaterFormatError):
        # The lease may have been taken all the same; nobody would use it.
        with suppress(*STORAGE_ERRORS):
            mine: Condition = Session.lease_owner == sender.owner
            update_if(Session(sender.user_id, sender.session_id), giving_up(), mine)
        raise
    return session


def held(session: Session) -> Condition:
    """The session's lease is still the one that `session` was acquired with."""
    same_turn: Condition = Session.lease_turn_id == session.lease_turn_id
    same_fence: Condition = Session.lease_fence == session.lease_fence
    # Of another session that has the same id by now, turn and fence may be the same.
    same_owner = as_read(Session.lease_owner, session.lease_owner)
    condition: Condition = same_turn & same_fence & same_owner
    return condition


def not_rolled_back() -> Condition:
    """Nobody has asked for the effects of the running turn to be removed."""
    condition: Condition = Session.cancel_action.does_not_exist() | (Session.cancel_action == CancelAction.KEEP)
    return condition


def giving_up() -> list[Action]:
    """The actions that end a lease."""
    return [
        Session.lease_turn_id.remove(),
        Session.lease_owner.remove(),
        Session.lease_expires_at.remove(),
        Session.lease_shard.remove(),
        Session.lease_former.remove(),
        Session.cancel_turn_id.remove(),
        Session.cancel_action.remove(),
    ]


def renewed(session: Session) -> Session:
    """`session`'s header after its short lease was renewed. Costs 3 WCU, 2 of them for the index.

    Raises LeaseLostError, SessionNotFoundError.
    """
    expires_at = short_expiry(holder(session).expires_at)
    present = Session(session.user_id, session.session_id)
    if update_if(present, [Session.lease_expires_at.set(expires_at)], held(session)):
        return present
    return still_held(session)


def release(session: Session) -> bool:
    """End the lease where it is still the one in `session`, and say whether it was."""
    return update_if(Session(session.user_id, session.session_id), giving_up(), held(session))


def running_turn(session: Session) -> str | None:
    """The turn that holds the session's lease, if one does that has not expired."""
    if session.lease_turn_id is None or session.lease_expires_at <= milliseconds(now()):
        return None
    return session.lease_turn_id


def cancel(transaction: Transaction, session: Session, action: CancelAction) -> str:
    """Ask the turn that runs on `session` to stop, and return its id; it notices that within a second.

    Raises NoTurnRunningError, also from the transaction.
    """
    turn_id = running_turn(session)
    if turn_id is None:
        raise NoTurnRunningError()
    transaction.change(
        session,
        Session.cancel_turn_id.set(turn_id),
        Session.cancel_action.set(action),
        condition=Session.lease_turn_id == turn_id,
        otherwise=NoTurnRunningError(),
    )
    return turn_id


def requested_cancel(session: Session) -> CancelAction | None:
    """The cancel that the turn which holds `session`'s lease was asked for when `session` was read."""
    if session.lease_turn_id is None or session.cancel_turn_id != session.lease_turn_id:
        return None
    return CancelAction(session.cancel_action)


def still_held(session: Session) -> Session:
    """`session`'s header, read anew. Raises LeaseLostError, SessionNotFoundError."""
    present = sessions.header(session.user_id, session.session_id)
    if _lease_of(present) != _lease_of(session):
        raise LeaseLostError(f"turn {session.lease_turn_id} no longer holds the session")
    return present


def _lease_of(session: Session) -> tuple[Any, ...]:
    return session.lease_turn_id, session.lease_fence, session.lease_owner


def follows(session: Session, before: Session) -> bool:
    """Whether nobody held the lease between the moment when `before` was read and the one when it was acquired with
    `session`."""
    return bool(session.lease_fence == before.lease_fence + 1)


def _taking(sender: Sender) -> list[Action]:
    return [
        Session.lease_turn_id.set(sender.turn_id),
        Session.lease_former.set(Session.lease_owner | ""),
        Session.lease_owner.set(sender.owner),
        Session.lease_fence.add(1),
        Session.lease_expires_at.set(sender.lease_expiry()),
        Session.lease_shard.set(due.shard(sender.session_id)),
        Session.cancel_turn_id.remove(),
        Session.cancel_action.remove(),
    ]


def _free() -> Condition:
    # A session that is gone is not archived either way, so that none comes into being here.
    open_session = Session.deleted_at.does_not_exist() & (Session.is_archived == False)  # noqa: E712
    expired = Session.lease_expires_at <= milliseconds(now())  # as `running_turn` has it
    condition: Condition = open_session & (Session.lease_turn_id.does_not_exist() | expired)
    return condition
