"""Carrying out background turns, one after the other: those of a session in their order, however they are nudged; and
titles."""

from chatkeep.errors import TooManyTurnsError
from chatkeep.jobs import ClaimLostError
from chatkeep.jobs.due import Keys
from chatkeep.models.background import BackgroundTurn
from chatkeep.models.job import Job
from chatkeep.models.titling import Titling
from chatkeep.telemetry import logger, metrics
from chatkeep.turns import backlog
from functions.worker import attempt, claims, timing
from functions.worker.titling import carrying_out as titling


def carry_out(due: list[Keys]) -> list[Keys]:
    """Run these turns, those of their sessions that follow, and make titles; return what there was no time for.

    When as many of a user's turns run as may, those that are left of that user's wait for the schedule.
    """
    left, full = list(due), set[str]()
    while left and timing.has_time():
        job = _job(left.pop(0))
        if job is None:
            continue
        try:
            if isinstance(job, Titling):
                titling.carry_out(job)
            elif job.user_id not in full:
                left += _carry_out(job)
        except TooManyTurnsError:
            full.add(job.user_id)
        except ClaimLostError:  # somebody else runs it, or it is gone
            continue
        except Exception as error:
            _tell(job, error)
    return left


def _job(keys: Keys) -> BackgroundTurn | Titling | None:
    kinds: tuple[type[BackgroundTurn | Titling], ...] = (BackgroundTurn, Titling)
    return next((kind(pk=keys[0], sk=keys[1]) for kind in kinds if kind.KEY.matches(*keys)), None)


def _carry_out(job: BackgroundTurn) -> list[Keys]:
    """Run the turn when it is its session's next one, and then those after it; return the titles that they ask for.

    Raises TooManyTurnsError.
    """
    titles: list[Keys] = []
    following = job if _claim_as_next(job) else None
    while following is not None:
        if left := attempt.make(following):
            titles.append((left.pk, left.sk))
        following = _after(following) if timing.has_time() else None
    return titles


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


def _tell(job: Job, error: Exception) -> None:
    """Tell the operator of a job that was left to its next attempt."""
    metrics.add_metric(name="JobsFailed", unit="Count", value=1)
    about = {"job": type(job).__name__, "attempts": int(job.attempts), "pk": job.pk, "sk": job.sk}
    logger.error("job failed", exc_info=error, extra=about)
