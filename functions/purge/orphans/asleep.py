"""Jobs that are there, and that nobody comes for, or not in time, or though they are done."""

from pynamodb.expressions.update import Action

from chatkeep.clock import milliseconds, now
from chatkeep.dynamodb.transaction import Transaction
from chatkeep.jobs import LONGEST_PAUSE_SECONDS
from chatkeep.jobs.due import Keys
from chatkeep.models import due
from chatkeep.models.job import Job, JobStatus
from chatkeep.models.timer import Timer
from chatkeep.sessions.activity import MovedError
from functions.purge.orphans.orphan import still

LONGEST_MS = 2 * LONGEST_PAUSE_SECONDS * 1_000
"""No deletion is put off for longer: twice the longest pause, as clocks differ and a pause begins after its attempt."""


def actions(job: Job) -> list[Action]:
    """The actions after which the job is found when it should be; none where it is."""
    cls = type(job)
    indexed = (job.due_at is not None, job.due_shard is not None)
    if job.status == JobStatus.DONE:
        return [cls.due_at.remove(), cls.due_shard.remove()] if any(indexed) else []
    at = milliseconds(now())
    if all(indexed) and (isinstance(job, Timer) or job.due_at <= at + LONGEST_MS):
        return []
    return [cls.due_at.set(at), cls.due_shard.set(due.shard(job.pk + job.sk))]


def wake(cls: type[Job], keys: Keys) -> list[Keys] | None:
    """Have the job found when it should be, and carried out now where it is not done. Raises MovedError."""
    job = cls.find(*cls.KEY.read(*keys).values())
    if job is None or not (needed := actions(job)):
        return None
    with Transaction() as transaction:
        as_read = still(job, "status", "due_at", "due_shard")
        transaction.change(job, *needed, condition=as_read, otherwise=MovedError())
    return [] if job.status == JobStatus.DONE else [keys]
