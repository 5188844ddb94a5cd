"""A turn from its request to its answer: claim, lease, attempt; each turn exactly once."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from botocore.exceptions import BotoCoreError
from pynamodb.exceptions import PynamoDBException
from pynamodb.transactions import TransactGet

from chatkeep import ids, messages
from chatkeep.caller import Claim
from chatkeep.errors import SessionNotFoundError, TurnInProgressError, TurnRolledBackError
from chatkeep.models.session import Session
from chatkeep.models.turn import Turn, TurnStatus
from chatkeep.telemetry import logger
from chatkeep.turns import lease, queue
from chatkeep.turns.attempt import RESERVE, Answer, Attempt, Tools
from chatkeep.turns.commit import TurnRecordedError
from chatkeep.turns.queue import Strategy

SHORTEST_RUN = timedelta(seconds=5)
"""A sender that waited and has less left does not start."""


@dataclass(frozen=True)
class Request:
    """What somebody sent; at `death` the function that serves it is killed."""

    user_id: str
    session_id: str
    content: str
    strategy: Strategy
    claim: Claim | None
    death: datetime


def send(request: Request, tools: Tools) -> Answer:
    """Run one turn, or return the stored answer to a repetition of `request.claim`.

    Raises SessionNotFoundError, SessionDeletedError, SessionArchivedError, TurnInProgressError,
    IdempotencyKeyReusedError, ModelNotSupportedError, ModelUnavailableError, TurnTimedOutError, TurnRolledBackError,
    LeaseLostError. After any of them the transcript and the thread are as they were.
    """
    if request.claim is None:
        return _attempt(request, tools, _acquire(request, ids.new()))
    while True:
        stored, fence = _look_up(request, request.claim)
        if stored is not None:
            return stored
        try:
            session = _acquire(request, request.claim.id)
        except TurnInProgressError as refusal:
            if refusal.turn_id != request.claim.id:
                raise
            queue.wait_for(request.user_id, request.session_id, request.claim.id, request.death - RESERVE)
            continue  # with the first one's answer, or in its place where it failed
        if session.lease_fence != fence + 1:
            # Others held the lease since the look-up, perhaps a repetition of this request.
            stored, _ = _look_up(request, request.claim)
            if stored is not None:
                lease.release(session)
                return stored
        return _attempt(request, tools, session)


def _acquire(request: Request, turn_id: str) -> Session:
    start_by = request.death - RESERVE - SHORTEST_RUN
    return queue.acquire(request.user_id, request.session_id, turn_id, request.strategy, start_by, request.death)


def _attempt(request: Request, tools: Tools, session: Session) -> Answer:
    fingerprint = request.claim.fingerprint if request.claim else None
    try:
        return Attempt(tools, session, request.content, fingerprint, request.death).make()
    except TurnRecordedError:  # by an attempt of this very turn whose answer was lost
        turn = Turn(request.user_id, request.session_id, session.lease_turn_id)
        return _answer(request, Turn.get(turn.pk, turn.sk, consistent_read=True))
    except BaseException:
        _release_if_possible(session)
        raise


def _look_up(request: Request, claim: Claim) -> tuple[Answer | None, int]:
    """The stored answer to the claim, and the fence of the session's lease at the same moment.

    The fence is one short where the claimed turn is running, so that the caller looks again.
    Raises IdempotencyKeyReusedError, SessionNotFoundError, TurnRolledBackError.
    """
    if not ids.is_id(request.session_id):
        raise SessionNotFoundError(request.session_id)
    turn, session = (
        Turn(request.user_id, request.session_id, claim.id),
        Session(request.user_id, request.session_id),
    )
    with TransactGet(connection=Session._get_connection().connection) as reads:
        found = reads.get(Turn, turn.pk, turn.sk), reads.get(Session, session.pk, session.sk)
    try:
        present = found[1].get()
    except Session.DoesNotExist:
        raise SessionNotFoundError(request.session_id) from None
    try:
        recorded = found[0].get()
    except Turn.DoesNotExist:
        return None, int(present.lease_fence) - (present.lease_turn_id == claim.id)
    claim.check(recorded.fingerprint)
    return _answer(request, recorded), 0


def _answer(request: Request, turn: Turn) -> Answer:
    if turn.status == TurnStatus.ROLLED_BACK:
        raise TurnRolledBackError(turn.turn_id)
    first, *_, last = turn.message_ids
    said, answered = (messages.get(request.user_id, request.session_id, one) for one in (first, last))
    return Answer(turn, said, answered)


def _release_if_possible(session: Session) -> None:
    try:
        lease.release(session)
    except (PynamoDBException, BotoCoreError):
        logger.warning("lease not released; it expires by itself", exc_info=True)
