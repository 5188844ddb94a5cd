"""A turn from its request to its answer: claim, lease, attempt; each turn exactly once."""

import time
from dataclasses import dataclass, field

from chatkeep import ids
from chatkeep.deadline import Deadline
from chatkeep.dynamodb.errors import STORAGE_ERRORS
from chatkeep.errors import IdempotencyKeyReusedError, LaterFormatError, SessionNotFoundError, TurnInProgressError
from chatkeep.idempotency import Claim
from chatkeep.models.session import Session
from chatkeep.telemetry import logger
from chatkeep.turns import admission, answers, billing, events, lease, overflow, regeneration, slots, turn_log
from chatkeep.turns.admission import Strategy
from chatkeep.turns.answers import Answer, Unanswered
from chatkeep.turns.attempt import Attempt
from chatkeep.turns.commit import Closing, TurnRecordedError, no_more
from chatkeep.turns.events import Listener
from chatkeep.turns.graph_run import GraphRun
from chatkeep.turns.lease import Sender
from chatkeep.turns.regeneration import Again
from chatkeep.turns.tools import Tools


@dataclass(frozen=True)
class Request:
    """A message to a session, and until when it can be worked on; `arrived` is a moment of `time.monotonic`.

    `regenerate` is the id of an answer to make again; then the content is that of the question which it answers.
    `listen` is told the events of the turn while it runs; a repetition that gets a stored answer has none. `closing`
    gives the last writes of whoever listens. A turn that `is_followed`, or that others may ask for later, has a short
    lease, which is renewed, and is recorded where it fails, even if nothing was used. Where another request runs the
    same turn, this one waits for its end, or raises TurnInProgressError with the turn's own id if it `joins`.
    `client_id` is the id that the client gave its message, `user_name` the name of the user for the prompt. A request
    that `compacts` has no content: it has the thread summarised.
    """

    user_id: str
    session_id: str
    content: str
    strategy: Strategy
    claim: Claim | None
    deadline: Deadline
    arrived: float = field(default_factory=time.monotonic)
    listen: Listener = events.nobody
    closing: Closing = no_more
    is_followed: bool = False
    joins: bool = False
    regenerate: str | None = None
    client_id: str | None = None
    compacts: bool = False
    user_name: str | None = field(default=None, repr=False)


def send(request: Request, tools: Tools) -> Answer:
    """Run one turn, or return the stored answer to a repetition of `request.claim`.

    Raises SessionNotFoundError, SessionDeletedError, SessionArchivedError, SessionChangedError, TurnInProgressError,
    TooManyTurnsError, IdempotencyKeyReusedError, ModelNotSupportedError, the model's refusal or failure,
    GraphFailedError, TurnTimedOutError, TurnRolledBackError, LeaseLostError, ConcurrentWriteError, BrokenThreadError,
    TurnTooLargeError; and the errors of `regeneration.find`.
    After any of them the transcript and the thread are as they were.
    """
    if not ids.is_id(request.session_id):
        raise SessionNotFoundError()
    claim = request.claim
    if claim is None:
        again = _again(request, tools)
        return _attempt(request, tools, _acquire(request, tools, ids.new()), again)
    while True:
        seen = _look_up(request, claim)
        if isinstance(seen, Answer):
            return seen
        again = _again(request, tools)
        try:
            session = _acquire(request, tools, claim.id)
        except TurnInProgressError as refusal:
            if refusal.turn_id != claim.id or request.joins:
                raise
            admission.wait_for_twin(_sender(request, claim.id), request.deadline.answer_by, tools.turns_per_user)
            continue  # with the first one's answer, or in its place where it failed
        return _attempt(request, tools, session, again, seen)


def _again(request: Request, tools: Tools) -> Again | None:
    """The answer to make again, looked at before the lease is taken, so that a request in vain stops no other turn."""
    if request.regenerate is None:
        return None
    return regeneration.find(request.user_id, request.session_id, request.regenerate, tools.saver)


def _acquire(request: Request, tools: Tools, turn_id: str) -> Session:
    sender = _sender(request, turn_id)
    return admission.acquire(sender, request.strategy, request.deadline.start_by, tools.turns_per_user)


def _sender(request: Request, turn_id: str) -> Sender:
    expires_at = request.deadline.lease_expiry()
    return Sender(request.user_id, request.session_id, turn_id, expires_at, is_short=request.is_followed)


def _attempt(
    request: Request, tools: Tools, session: Session, again: Again | None, seen: Unanswered | None = None
) -> Answer:
    """Run the turn that `session`'s lease was acquired for.

    A claimed one was `seen` without an answer; it may have got one if others held the lease since.
    """
    run = GraphRun(
        tools,
        session,
        request.content,
        request.deadline,
        request.listen,
        has_short_lease=request.is_followed,
        again=again,
        compacts=request.compacts,
        user_name=request.user_name,
    )
    fingerprint = request.claim.fingerprint if request.claim else None
    attempt = Attempt(run, fingerprint, seen.failed if seen else None, request.closing, request.client_id)
    with turn_log.of(attempt, request.arrived) as tell:
        try:
            if seen and _others_ran(seen.session, session):
                attempt.look_again(request.claim)
            overflow.clear(session)
            return tell(attempt.make())
        except Exception as error:
            try:
                return tell(_answer_or_raise(request, attempt, error))
            finally:
                slots.release(lease.holder(session))


def _others_ran(seen: Session, session: Session) -> bool:
    """Whether somebody held the lease since the session was `seen`, perhaps a repetition that ran then."""
    return seen.lease_turn_id == session.lease_turn_id or not lease.follows(session, seen)


def _answer_or_raise(request: Request, attempt: Attempt, error: Exception) -> Answer:
    """The answer of the turn where it is recorded in spite of `error`, else raise it; record what was used."""
    session = attempt.session
    if billing.end(attempt, error, even_if_unused=request.is_followed):
        raise error
    # Where the lease was still there, nothing is stored and nothing will be; else this very turn may be, and only the
    # answer of the storage lost.
    ended_here = _release_if_possible(session)
    try:
        unrecorded = ended_here and not isinstance(error, TurnRecordedError)
        recorded = None if unrecorded else answers.recorded(session, request.claim)
    except STORAGE_ERRORS:
        billing.log(attempt)
        raise
    except (IdempotencyKeyReusedError, LaterFormatError):  # a record of a later format is another version's
        billing.settle(attempt)
        raise
    its_own = recorded is not None and recorded.fence == session.lease_fence
    if recorded is None or recorded.may_run_again:
        billing.settle(attempt, is_recorded=its_own)
        raise error
    if not its_own:  # else the usage is in the record, and told with the answer
        billing.settle(attempt)
    return answers.stored(request.user_id, request.session_id, recorded, repeated=not its_own)


def _look_up(request: Request, claim: Claim) -> Answer | Unanswered:
    """The stored answer to the claim, else what is known of the turn that is to be run.

    Raises IdempotencyKeyReusedError, SessionNotFoundError, TurnRolledBackError.
    """
    user_id, session_id = request.user_id, request.session_id
    found = answers.look_up(user_id, session_id, claim)
    if isinstance(found, Unanswered):
        return found
    return turn_log.of_repetition(
        user_id, session_id, found, lambda: answers.stored(user_id, session_id, found, repeated=True)
    )


def _release_if_possible(session: Session) -> bool:
    """End the lease, and say whether it was there to end."""
    try:
        return lease.release(session)
    except STORAGE_ERRORS:
        logger.warning("lease not released; it expires by itself", exc_info=True)
        return False
