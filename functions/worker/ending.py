"""The end of a background turn: its record is there, whatever it says, and then the job goes.

Where the job cannot go now, as its session moves or its claim is another's by now, the next claim finds out how far
its end has got.
"""

from pynamodb.expressions.condition import Condition

from chatkeep.clock import now, stamp
from chatkeep.dynamodb.transaction import Transaction
from chatkeep.errors import ChatkeepError, TurnCancelledError
from chatkeep.jobs import ClaimLostError, claimed
from chatkeep.models.background import BackgroundTurn
from chatkeep.models.session import Session
from chatkeep.models.turn import Turn, TurnStatus
from chatkeep.turns import repetition, turn_log
from chatkeep.usage import counters


def is_over(job: BackgroundTurn) -> bool:
    """Whether the turn has a record of what became of it, since it was asked for."""
    turn = Turn.find(job.user_id, job.session_id, job.turn_id)
    if turn is None:
        return False
    return not turn.may_run_again or turn.attempts > job.attempts_before


def forget(job: BackgroundTurn) -> None:
    """Remove the job of a turn that has its record. Raises ClaimLostError."""
    with Transaction() as transaction:
        transaction.discard(job, claimed(job), otherwise=ClaimLostError())


def fail(job: BackgroundTurn, problem: ChatkeepError) -> None:
    """Record that the turn failed, having used nothing that is not recorded. Raises ClaimLostError."""
    _end(job, _record(job, TurnStatus.FAILED, problem))


def cancel(job: BackgroundTurn) -> None:
    """Record that the turn was cancelled before it had begun. Raises ClaimLostError."""
    _end(job, _record(job, TurnStatus.CANCELLED, TurnCancelledError(job.turn_id)))


def _record(job: BackgroundTurn, status: TurnStatus, problem: ChatkeepError) -> Turn:
    return Turn(
        job.user_id,
        job.session_id,
        job.turn_id,
        status=status,
        created_at=stamp(now()),
        fingerprint=job.fingerprint,
        calls=[],
        error=problem.as_problem(),
        attempts=1,
    )


def _end(job: BackgroundTurn, turn: Turn) -> None:
    """Store the record in place of the job, unless the turn has one or the session is gone."""
    session = Session.find(job.user_id, job.session_id)
    if session is None or session.deletion_id is not None:
        forget(job)
        return
    there: Condition = (Session.created_at == session.created_at) & Session.deletion_id.does_not_exist()
    # Else the attempt before might store its answer yet.
    at_rest: Condition = Session.lease_turn_id.does_not_exist() | (Session.lease_turn_id != job.turn_id)
    failed = Turn.find(job.user_id, job.session_id, job.turn_id)
    whole = repetition.of_attempts(failed, turn)
    with Transaction() as transaction:
        transaction.check(Session, (session.pk, session.sk), there & at_rest, ClaimLostError())
        transaction.discard(job, claimed(job), otherwise=ClaimLostError())
        transaction.put(whole, repetition.as_before(failed), otherwise=ClaimLostError())
        counters.add_to_day(transaction, job.user_id, turn, now(), is_new=failed is None)
    turn_log.of_record(job.user_id, job.session_id, turn)
