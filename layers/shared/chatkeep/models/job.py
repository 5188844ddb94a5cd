"""A job: work that outlives its request, stored in the transaction that asks for it."""

from enum import StrEnum

from pynamodb.attributes import NumberAttribute, UnicodeAttribute

from chatkeep.models.table import SessionsTable


class JobStatus(StrEnum):
    PENDING = "pending"
    RUNNING = "running"
    DONE = "done"


class Job(SessionsTable):
    """What every kind of job has.

    `due_at` is when it is to be carried out next, in milliseconds since the epoch, and also the claim of who carries it
    out: see `chatkeep.jobs`. Without it, as without `due_shard`, the job is not in the index and nobody comes for it.
    `attempts` counts those since the last one that got anywhere, and `error` names what ended the latest of them.
    """

    status = UnicodeAttribute(default=JobStatus.PENDING)
    requested_at = UnicodeAttribute()
    finished_at = UnicodeAttribute(null=True)
    due_at = NumberAttribute(null=True)
    due_shard = UnicodeAttribute(null=True)
    attempts = NumberAttribute(default=0)
    error = UnicodeAttribute(null=True)
