"""Carrying out whatever is due: timers and deletions, each by its kind, one after the other."""

from collections.abc import Iterable
from contextlib import suppress
from datetime import datetime, timedelta

from chatkeep import jobs
from chatkeep.clock import milliseconds, now
from chatkeep.dynamodb.errors import STORAGE_ERRORS
from chatkeep.jobs.due import Keys
from chatkeep.models.deletion import Deletion, Erasure, Removal
from chatkeep.models.job import Job
from chatkeep.models.timer import Timer
from chatkeep.removal import deleting, erasing, positions, timing
from chatkeep.removal.pace import OutOfTimeError, Pace, check_time
from chatkeep.removal.purging import Purge
from chatkeep.telemetry import logger, metrics

KINDS: tuple[type[Job], ...] = (Timer, Deletion, Erasure)


def job_with(keys: Keys) -> Job | None:
    """The job that an item with these keys is, not read yet; None where it is none that is known here."""
    kind = next((kind for kind in KINDS if kind.KEY.matches(*keys)), None)
    return None if kind is None else kind(pk=keys[0], sk=keys[1])


class Worker:
    """Carries out jobs while there is time, at one pace for all of them."""

    def __init__(self, checkpoints_table: str, retention: timedelta) -> None:
        self._checkpoints_table = checkpoints_table
        self._retention = retention
        self._pace = Pace()

    def carry_out(self, due: Iterable[Keys]) -> list[Keys]:
        """Carry out these jobs and what follows from them; return those for which there was no time."""
        left = self._carry_out(list(due))
        if self._pace.deleted:
            metrics.add_metric(name="ItemsRemoved", unit="Count", value=self._pace.deleted)
        return left

    def _carry_out(self, waiting: list[Keys]) -> list[Keys]:
        while waiting:
            try:
                check_time()
            except OutOfTimeError:
                return waiting
            keys, *waiting = waiting
            job = job_with(keys)
            if job is not None and not self._ends(job, waiting):
                return [keys, *waiting]
        return []

    def _ends(self, job: Job, waiting: list[Keys]) -> bool:
        """Whether the attempt came to its end, well or badly, before the time did."""
        try:
            if jobs.claim(job) and (follows := self._attempt(job)):
                waiting.insert(0, (follows.pk, follows.sk))
        except jobs.ClaimLostError:
            pass
        except OutOfTimeError:
            with suppress(jobs.ClaimLostError, *STORAGE_ERRORS):  # else it is due again when the claim ends
                jobs.put_off(job, milliseconds(now()))
            return False
        except Exception as error:
            _fail(job, error)
        return True

    def _attempt(self, job: Job) -> Deletion | None:
        """Do what the job is for; returns a deletion that follows from it."""
        if isinstance(job, Timer):
            return timing.ring(job, self._retention)
        if isinstance(job, Removal) and self._removes(job):
            _complete(job)
        return None

    def _removes(self, job: Removal) -> bool:
        """Whether the deletion is complete."""
        purge = Purge(job, self._checkpoints_table, self._pace)
        if isinstance(job, Erasure):
            user_id = str(job.subject)
            is_complete = erasing.finish(job, purge)
            positions.forget_user(user_id)
        else:
            assert isinstance(job, Deletion)
            is_complete = deleting.finish(job, purge)
            positions.forget_session(job.user_id, job.session_id)
        return is_complete


def _complete(job: Removal) -> None:
    """Tell the operator of a deletion that has ended, and how long it took from its request on."""
    seconds = (now() - datetime.fromisoformat(job.requested_at)).total_seconds()
    metrics.add_metric(name="DeletionsCompleted", unit="Count", value=1)
    metrics.add_metric(name="DeletionSeconds", unit="Seconds", value=seconds)
    numbers = ("checkpoint_items", "messages", "turns", "events")
    about = {"deletion_id": job.deletion_id, "kind": job.kind, **{name: int(getattr(job, name)) for name in numbers}}
    logger.info("deletion ended", extra=about)


def _fail(job: Job, error: Exception) -> None:
    """Leave the job to a later attempt, and tell the operator, who is needed if it has failed too often."""
    metrics.add_metric(name="JobsFailed", unit="Count", value=1)
    if job.attempts >= jobs.STUCK_ATTEMPTS:
        metrics.add_metric(name="StuckJobs", unit="Count", value=1)
    about = {"job": type(job).__name__, "attempts": int(job.attempts), "pk": job.pk, "sk": job.sk}
    logger.error("job failed", exc_info=error, extra=about)
    with suppress(jobs.ClaimLostError, *STORAGE_ERRORS):  # else it is due again when the claim ends
        jobs.fail(job, error)
