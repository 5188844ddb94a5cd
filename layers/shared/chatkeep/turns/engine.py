"""A turn from its request to its answer: claim, lease, attempt; each turn exactly once."""

import time
from dataclasses import dataclass, field

from botocore.exceptions import BotoCoreError
from pynamodb.exceptions import PynamoDBException

from chatkeep import ids, messages
from chatkeep.deadline import Deadline
from chatkeep.dynamodb.transaction import Reading
from chatkeep.errors import IdempotencyKeyReusedError, SessionNotFoundError, TurnInProgressError, TurnRolledBackError
from chatkeep.idempotency import Claim
from chatkeep.models.session import Session
from chatkeep.models.turn import Turn, TurnStatus
from chatkeep.telemetry import logger
from chatkeep.turns import account, ahead, lease, queue, slots
from chatkeep.turns.attempt import STORAGE, Answer, Attempt, Tools
from chatkeep.turns.commit import TurnRecordedError
from chatkeep.turns.lease import Sender
from chatkeep.turns.queue import Strategy

SHORTEST_RUN_SECONDS = 5.0
"""A sender that waited and has less left does not start."""


@dataclass(frozen=True)
class Request:
    """What somebody sent, and until when it can be worked on; `arrived` is a moment of `time.monotonic`."""

    user_id: str
    session_id: str
    content: str
    strategy: Strategy
    claim: Claim | None
    deadline: Deadline
    arrived: float = field(default_factory=time.monotonic)


def send(request: Request, tools: Tools) -> Answer:
    """Run one turn, or return the stored answer to a repetition of `request.claim`.

    Raises SessionNotFoundError, SessionDeletedError, SessionArchivedError, SessionChangedError, TurnInProgressError,
    TooManyTurnsError, IdempotencyKeyReusedError, ModelNotSupportedError, what the model refuses or fails with,
    GraphFailedError, TurnTimedOutError, TurnRolledBackError, LeaseLostError, ConcurrentWriteError, BrokenThreadError,
    TurnTooLargeError.
    After any of them the transcript and the thread are as they were.
    """
    if not ids.is_id(request.session_id):
        raise SessionNotFoundError(request.session_id)
    if request.claim is None:
        return _attempt(request, tools, _acquire(request, tools, ids.new()), unclaimed=True)
    while True:
        stored, fence = _look_up(request, request.claim)
        if stored is not None:
            return stored
        try:
            session = _acquire(request, tools, request.claim.id)
        except TurnInProgressError as refusal:
            if refusal.turn_id != request.claim.id:
                raise
            queue.wait_for_twin(_sender(request, request.claim.id), request.deadline.answer_by, tools.turns_per_user)
            continue  # with the first one's answer, or in its place where it failed
        return _attempt(request, tools, session, unclaimed=session.lease_fence == fence + 1)


def _acquire(request: Request, tools: Tools, turn_id: str) -> Session:
    start_by = request.deadline.answer_by - SHORTEST_RUN_SECONDS
    return queue.acquire(_sender(request, turn_id), request.strategy, start_by, tools.turns_per_user)


def _sender(request: Request, turn_id: str) -> Sender:
    return Sender(request.user_id, request.session_id, turn_id, lease.expiry(request.deadline))


def _attempt(request: Request, tools: Tools, session: Session, *, unclaimed: bool) -> Answer:
    """Run the turn that `session`'s lease was acquired for.

    Unless it is known to be `unclaimed`, others held the lease since the claim was looked up, perhaps a repetition.
    """
    attempt = Attempt(tools, session, request.content, _fingerprint(request), request.deadline)
    with account.of(attempt, request.arrived) as tell:
        try:
            if not unclaimed and _recorded(request, session):
                raise TurnRecordedError
            ahead.clear(session)
            return tell(attempt.make())
        except Exception as error:
            try:
                return tell(_answer_or_raise(request, session, attempt, error))
            finally:
                slots.release(lease.holder(session))


def _answer_or_raise(request: Request, session: Session, attempt: Attempt, error: Exception) -> Answer:
    """The answer of the turn where it is recorded in spite of `error`, else raise it; bill what is in no record."""
    # Where the lease was still there, nothing is stored and nothing will be; else this very turn may be, and only the
    # answer of the storage lost.
    ended_here = _release_if_possible(session)
    try:
        recorded = None if ended_here and not isinstance(error, TurnRecordedError) else _recorded(request, session)
    except STORAGE:
        attempt.log_usage()
        raise
    except IdempotencyKeyReusedError:
        attempt.bill()
        raise
    its_own = recorded is not None and recorded.fence == session.lease_fence
    if not its_own:  # else what was used is in the record
        attempt.bill()
    if recorded is None:
        raise error
    return _answer(request, recorded, repeated=not its_own)


def _fingerprint(request: Request) -> str | None:
    return request.claim.fingerprint if request.claim else None


def _recorded(request: Request, session: Session) -> Turn | None:
    """The record of the turn that the lease was acquired for. Raises IdempotencyKeyReusedError."""
    recorded = Turn.find(request.user_id, request.session_id, session.lease_turn_id)
    if recorded and request.claim:
        request.claim.check(recorded.fingerprint)
    return recorded


def _look_up(request: Request, claim: Claim) -> tuple[Answer | None, int]:
    """The stored answer to the claim, and the fence of the session's lease at the same moment.

    The fence is one short where the claimed turn is running, so that the caller looks again.
    Raises IdempotencyKeyReusedError, SessionNotFoundError, TurnRolledBackError.
    """
    whose = request.user_id, request.session_id
    with Reading() as reads:
        found = reads.get(Turn, *Turn.KEY.of(*whose, claim.id)), reads.get(Session, *Session.KEY.of(*whose))
    try:
        present = found[1].get()
    except Session.DoesNotExist:
        raise SessionNotFoundError(request.session_id) from None
    try:
        recorded = found[0].get()
    except Turn.DoesNotExist:
        return None, int(present.lease_fence) - (present.lease_turn_id == claim.id)
    claim.check(recorded.fingerprint)
    return account.of_repetition(
        request.user_id, request.session_id, recorded, lambda: _answer(request, recorded, repeated=True)
    ), 0


def _answer(request: Request, turn: Turn, *, repeated: bool) -> Answer:
    if turn.status == TurnStatus.ROLLED_BACK:
        raise TurnRolledBackError(turn.turn_id)
    said, answered = (messages.get(request.user_id, request.session_id, one) for one in turn.message_ids)
    return Answer(turn, said, answered, repeated=repeated)


def _release_if_possible(session: Session) -> bool:
    """End the lease, and say whether it was there to end."""
    try:
        return lease.release(session)
    except (PynamoDBException, BotoCoreError):
        logger.warning("lease not released; it expires by itself", exc_info=True)
        return False
