"""The answers of turns, also of turns recorded earlier."""

from dataclasses import dataclass

from chatkeep import messages
from chatkeep.dynamodb.transaction import Reading
from chatkeep.errors import SessionNotFoundError, TurnCancelledError, TurnRolledBackError
from chatkeep.idempotency import Claim
from chatkeep.messages import branches
from chatkeep.models.message import Message
from chatkeep.models.session import Session
from chatkeep.models.titling import Titling
from chatkeep.models.turn import Turn, TurnStatus


@dataclass(frozen=True)
class Answer:
    """A turn as it was stored, by another request where it is `repeated`. `checkpoint_bytes` is known where the storage
    has answered that it is stored. `last_attempt` is a record of that alone where attempts before it have failed.

    There is no `user_message` where the turn only summarised the thread. `said` are all messages of models in their
    order, the answer being the last; of a stored turn they are not read. `titling` is the job that the turn left, to
    give its session a title.
    """

    turn: Turn
    user_message: Message | None
    message: Message
    said: tuple[Message, ...] = ()
    checkpoint_bytes: int | None = None
    repeated: bool = False
    last_attempt: Turn | None = None
    titling: Titling | None = None

    @property
    def used(self) -> Turn:
        """A record of what was used for this answer, without the attempts before, each of which was told by itself."""
        return self.last_attempt or self.turn


@dataclass(frozen=True)
class Unanswered:
    """A claimed turn that is to be run: its session, and the record of the attempts that failed, at one moment."""

    session: Session
    failed: Turn | None


def stored(user_id: str, session_id: str, turn: Turn, *, repeated: bool) -> Answer:
    """The answer of a recorded turn that may not be run again.

    Raises TurnRolledBackError, TurnCancelledError, MessageNotFoundError, BrokenThreadError.
    """
    if turn.status == TurnStatus.CANCELLED and not turn.message_ids:
        raise TurnCancelledError(turn.turn_id)
    if turn.status == TurnStatus.ROLLED_BACK:
        raise TurnRolledBackError(turn.turn_id)
    found = [messages.get(user_id, session_id, one) for one in turn.message_ids]
    branches.stored(user_id, session_id).mark(found)
    return Answer(turn, found[0] if found[1:] else None, found[-1], repeated=repeated)


def recorded(session: Session, claim: Claim | None) -> Turn | None:
    """The record of the turn that `session`'s lease was acquired for. Raises IdempotencyKeyReusedError."""
    found = Turn.find(session.user_id, session.session_id, session.lease_turn_id)
    if found and claim:
        claim.check(found.fingerprint)
    return found


def look_up(user_id: str, session_id: str, claim: Claim) -> Turn | Unanswered:
    """The record of the claimed turn, or what is known of one that is to be run, for the first time or again.

    Raises IdempotencyKeyReusedError, SessionNotFoundError.
    """
    turn, session = Turn.KEY.of(user_id, session_id, claim.id), Session.KEY.of(user_id, session_id)
    with Reading() as reads:
        turns, sessions = reads.get(Turn, *turn), reads.get(Session, *session)
    try:
        header = sessions.get()
    except Session.DoesNotExist:
        raise SessionNotFoundError() from None
    if header.deletion_id is not None:  # the turn is still there, until the purge comes to it
        raise SessionNotFoundError()
    try:
        found = turns.get()
    except Turn.DoesNotExist:
        return Unanswered(header, None)
    claim.check(found.fingerprint)
    return Unanswered(header, found) if found.may_run_again else found
