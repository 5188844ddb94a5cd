"""Carrying out background turns, one after the other: those of a session in their order, however they are nudged."""

from chatkeep.errors import TooManyTurnsError
from chatkeep.jobs import ClaimLostError
from chatkeep.jobs.due import Keys
from chatkeep.models.background import BackgroundTurn
from chatkeep.telemetry import logger, metrics
from chatkeep.turns import backlog
from functions.worker import attempt, claims, timing


def carry_out(due: list[Keys]) -> list[Keys]:
    """Run these turns, and those of their sessions that follow, while there is time; return those that are left.

    When as many of a user's turns run as may, those that are left of that user's wait for the schedule.
    """
    left, full = list(due), set()
    while left and timing.has_time():
        job = _job(left.pop(0))
        if job is not None and job.user_id not in full:
            try:
                _carry_out(job)
            except TooManyTurnsError:
                full.add(job.user_id)
            except ClaimLostError:  # somebody else runs it, or it is gone
                continue
            except Exception as error:
                _tell(job, error)
    return left


def _job(keys: Keys) -> BackgroundTurn | None:
    return BackgroundTurn(pk=keys[0], sk=keys[1]) if BackgroundTurn.KEY.matches(*keys) else None


def _carry_out(job: BackgroundTurn) -> None:
    """Run the turn when it is its session's next one, and then those after it. Raises TooManyTurnsError."""
    following = job if _claim_as_next(job) else None
    while following is not None:
        attempt.make(following)
        following = _after(following) if timing.has_time() else None


def _after(job: BackgroundTurn) -> BackgroundTurn | None:
    """The session's next turn, claimed; None while this one has not ended, or where another runs that one."""
    first = next(iter(backlog.of_session(job.user_id, job.session_id)), None)
    if first is None or first.turn_id == job.turn_id:
        return None
    return first if claims.take(first, even_if_put_off=True) else None


def _claim_as_next(job: BackgroundTurn) -> bool:
    """Claim the turn where its session has none before it. Else whoever runs those comes for this one."""
    taken = claims.take(job)
    while taken and not _is_next(job):
        claims.put_off(job)
        # The one before may have ended while this one seemed to be under way.
        taken = _is_next(job) and claims.take(job, even_if_put_off=True)
    return taken


def _is_next(job: BackgroundTurn) -> bool:
    first = next(iter(backlog.of_session(job.user_id, job.session_id)), None)
    return first is not None and (backlog.interrupts(job) or first.turn_id == job.turn_id)


def _tell(job: BackgroundTurn, error: Exception) -> None:
    """Tell the operator of a turn that was left to its next attempt."""
    metrics.add_metric(name="JobsFailed", unit="Count", value=1)
    about = {"job": type(job).__name__, "attempts": int(job.attempts), "pk": job.pk, "sk": job.sk}
    logger.error("job failed", exc_info=error, extra=about)
