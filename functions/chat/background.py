"""Asking for a turn in the background: stored as a job, once per idempotency key, and nudged."""

from contextlib import suppress

from pynamodb.expressions.condition import Condition

from chatkeep import ids, jobs, sessions
from chatkeep.agent import runtime
from chatkeep.agent.settings import Fact
from chatkeep.agent.settings import settings as agent_settings
from chatkeep.dynamodb.transaction import Transaction, as_read
from chatkeep.errors import NothingToSummarizeError, SessionChangedError, TurnInProgressError
from chatkeep.idempotency import Claim
from chatkeep.jobs.nudging import nudge
from chatkeep.models.background import BackgroundTurn, packed
from chatkeep.models.event_batch import EventBatch
from chatkeep.models.session import Session
from chatkeep.models.turn import Turn
from chatkeep.retrying import attempts
from chatkeep.sessions.activity import MovedError, unmoved
from chatkeep.settings import settings
from chatkeep.telemetry import correlation
from chatkeep.turns import admission, answers, backlog, regeneration, turn_log
from chatkeep.turns.admission import Strategy
from chatkeep.turns.answers import Answer
from chatkeep.turns.engine import Request

ATTEMPTS = 8
MOST_WAITING = 10
"""Background turns of a session that have not ended; each of them is read whenever one is asked for or ends."""
KEYLESS = "none"
"""The fingerprint of a request that nobody can repeat, as it has no idempotency key."""


def ask(request: Request) -> Answer | BackgroundTurn:
    """Ask for a turn; a repetition of its claim gets the turn as it is by now, and its answer once it is stored.

    Raises SessionNotFoundError, SessionDeletedError, SessionArchivedError, SessionChangedError,
    IdempotencyKeyReusedError, TurnRolledBackError, TurnCancelledError; and TurnInProgressError where too many are
    waiting, or where one waits or runs and the strategy is to be rejected then; NothingToSummarizeError; and the errors
    of `regeneration.find`.
    """
    job = _job(request)
    for _ in attempts(ATTEMPTS):
        with suppress(MovedError):
            return (_known(job, request.claim) if request.claim else None) or _stored(job)
    raise SessionChangedError()


def _job(request: Request) -> BackgroundTurn:
    claim = request.claim or Claim(ids.new(), KEYLESS)
    known = correlation.current()
    return BackgroundTurn(
        request.user_id,
        request.session_id,
        claim.id,
        regenerate=request.regenerate,
        compacts=request.compacts or None,
        packed=packed(request.content),
        strategy=request.strategy,
        fingerprint=claim.fingerprint,
        request_id=known.request_id if known else None,
        user_name=request.user_name if Fact.NAME in agent_settings().prompt_facts else None,
        **jobs.asked_for(claim.id),
    )


def _known(job: BackgroundTurn, claim: Claim) -> Answer | BackgroundTurn | None:
    """The turn, where it has been asked for before and has not failed since; `job` takes up what has failed."""
    owner = job.user_id, job.session_id
    before = BackgroundTurn.find(*owner, job.turn_id)  # first: its record comes before its end
    seen = answers.look_up(*owner, claim)
    if isinstance(seen, Turn):
        return turn_log.of_repetition(*owner, seen, lambda: answers.stored(*owner, seen, repeated=True))
    if before is not None:
        claim.check(before.fingerprint)
    job.attempts_before = seen.failed.attempts if seen.failed else 0
    if before is None or job.attempts_before > before.attempts_before:
        job.events_before = _latest_batch(job) if seen.failed else 0
        return None
    if not jobs.is_claimed(before):
        _nudge(before)
    return before


def _latest_batch(job: BackgroundTurn) -> int:
    """The number of the last batch of events that is stored of the turn's failed attempts; 0 where there is none."""
    batches = EventBatch.of_turn(job.user_id, job.session_id, job.turn_id, newest_first=True, limit=1)
    return max((int(one.number) for one in batches), default=0)


def _stored(job: BackgroundTurn) -> BackgroundTurn:
    session = sessions.ready(job.user_id, job.session_id)
    if job.compacts and session.last_message_id is None:
        raise NothingToSummarizeError
    listed = {one.turn_id: one for one in backlog.of_session(job.user_id, job.session_id)}
    before = listed.pop(job.turn_id, None)
    if before is not None and before.attempts_before == job.attempts_before:
        return before  # by this very request, whose first answer was lost
    if job.regenerate:  # else it would end as failed, later
        regeneration.find(job.user_id, job.session_id, job.regenerate, runtime.saver())
    _admit(job, session, [one for one in listed.values() if not one.is_cancelled])
    same: Condition = Session.created_at == session.created_at
    record = Turn.KEY.of(job.user_id, job.session_id, job.turn_id)
    as_seen: Condition = as_read(Turn.attempts, job.attempts_before or None)
    # One whose turn has failed may not have gone yet.
    in_place_of = as_read(BackgroundTurn.due_at, before and before.due_at)
    with Transaction() as transaction:
        transaction.check(Session, (session.pk, session.sk), unmoved(session) & same, MovedError())
        transaction.check(Turn, record, as_seen & Turn.message_ids.does_not_exist(), MovedError())
        transaction.put(job, in_place_of, otherwise=MovedError())
    _nudge(job)
    return job


def _admit(job: BackgroundTurn, session: Session, waiting: list[BackgroundTurn]) -> None:
    """Raises TurnInProgressError."""
    rejects = job.strategy == Strategy.REJECT
    if rejects and (refusal := admission.refusal_of(session)):
        raise refusal
    if waiting and (rejects or len(waiting) >= MOST_WAITING):
        raise TurnInProgressError(waiting[0].turn_id)


def _nudge(job: BackgroundTurn) -> None:
    nudge([(job.pk, job.sk)], settings().turns_function)
