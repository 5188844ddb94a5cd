"""One attempt at a background turn, and its end: answered, failed, or put off because nothing could begin."""

from contextlib import suppress

from chatkeep.agent import runtime, turn_metrics
from chatkeep.dynamodb.errors import STORAGE_ERRORS
from chatkeep.errors import (
    ChatkeepError,
    SessionChangedError,
    StorageUnavailableError,
    TooManyTurnsError,
    TurnInProgressError,
    TurnLostError,
)
from chatkeep.idempotency import Claim
from chatkeep.jobs import ClaimLostError
from chatkeep.models.background import BackgroundTurn
from chatkeep.models.titling import Titling
from chatkeep.streams.telling import Telling, nobody
from chatkeep.telemetry import correlation
from chatkeep.turns import engine
from chatkeep.turns.admission import Strategy
from chatkeep.turns.billing import problem_of
from chatkeep.turns.events import Event
from functions.worker import claims, ending, lost, timing
from functions.worker.beginning import Beginning

PASSING = (SessionChangedError, StorageUnavailableError, TooManyTurnsError, TurnInProgressError, *STORAGE_ERRORS)
"""Errors before a turn has its session, after which it may be tried again as if nothing had been."""
MOST_REFUSALS = 12
"""An hour of the schedule's visits."""


def make(job: BackgroundTurn) -> Titling | None:
    """Run the turn that is claimed, unless it has ended, was cancelled, or died after it had begun to speak.

    Returns the job that it leaves, if it does, to give its session a title.

    Raises TooManyTurnsError where it is put off for that; and errors of the storage, after which it is left to the end
    of its claim.
    """
    with suppress(ClaimLostError), correlation.caused_by(job.request_id):
        if job.attempts > 1 and _has_ended(job):
            return None
        if not job.is_cancelled:
            return _run(job)
        ending.cancel(job)
    return None


def _has_ended(job: BackgroundTurn) -> bool:
    """Whether the attempts before leave nothing to run, or nothing yet."""
    if ending.is_over(job):
        ending.forget(job)
    elif lost.still_runs(job):
        claims.put_off(job)
    elif not lost.is_to_run(job):
        problem = TurnLostError()
        ending.fail(job, problem)
        turn_metrics.count_failure(problem.code)
    else:
        return False
    return True


def _run(job: BackgroundTurn) -> Titling | None:
    claim = Claim(job.turn_id, job.fingerprint)  # the job's own: whoever else runs the turn stores the same one
    beginning, telling = Beginning(job), Telling(nobody, claim, may_resume=True)
    try:
        with claims.kept(job), turn_metrics.of_a_turn() as measure:
            answer = engine.send(_request(job, claim, beginning, telling), runtime.tools())
            measure(answer)
    except Exception as error:
        telling.fail(problem_of(error))
        _end(job, error, beginning)
        return None
    ending.forget(job)
    return answer.titling


def _request(job: BackgroundTurn, claim: Claim, beginning: Beginning, telling: Telling) -> engine.Request:
    def listen(event: Event) -> None:
        beginning.hear(event)
        telling.hear(event)

    strategy = Strategy(job.strategy)
    return engine.Request(
        user_id=job.user_id,
        session_id=job.session_id,
        content=job.content,
        regenerate=job.regenerate,
        compacts=bool(job.compacts),
        strategy=Strategy.ENQUEUE if strategy is Strategy.REJECT else strategy,
        claim=claim,
        deadline=timing.of_a_turn(),
        listen=listen,
        closing=telling.closing,
        is_followed=True,
        user_name=job.user_name,
    )


def _end(job: BackgroundTurn, error: Exception, beginning: Beginning) -> None:
    """Raises `error` where it is TooManyTurnsError, or no problem of the turn's sender, its model or the storage."""
    problem = problem_of(error)
    if ending.is_over(job):
        ending.forget(job)
    elif isinstance(error, PASSING) and not beginning.happened and job.refusals < MOST_REFUSALS:
        claims.put_off(job, problem.code)
    else:
        ending.fail(job, problem)
    if isinstance(error, TooManyTurnsError) or not isinstance(error, (ChatkeepError, *STORAGE_ERRORS)):
        raise error
