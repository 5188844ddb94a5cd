"""Carrying out jobs: by one at a time, again after a failure, and from where the last attempt stopped.

A job is stored in the transaction that asks for it, with the time when it is due. Whoever carries it out claims it
first: a conditional update moves that time to the end of the claimer's life, so that until then nobody else finds the
job due, and afterwards, if the claimer died, somebody does. All that an attempt stores, it stores only while the claim
is its own.
"""

from typing import Any, TypeVar

from pynamodb.expressions.condition import Condition
from pynamodb.expressions.update import Action

from chatkeep import deadline
from chatkeep.clock import milliseconds, now, stamp
from chatkeep.dynamodb.transaction import update_if
from chatkeep.models.due import shard
from chatkeep.models.job import Job, JobStatus

AnyJob = TypeVar("AnyJob", bound=Job)

FIRST_PAUSE_SECONDS = 60
LONGEST_PAUSE_SECONDS = 3_600
MOST_DOUBLINGS = 10
STUCK_ATTEMPTS = 5
"""A job that failed as often in a row needs its operator: it fails for 15 minutes at least."""


class ClaimLostError(Exception):
    """The claim is another's by now, or the job is done."""


def asked_for(name: str) -> dict[str, Any]:
    """The attributes of a job that is asked for now and due at once; `name` tells its place in the index."""
    at = now()
    return {"requested_at": stamp(at), "due_at": milliseconds(at), "due_shard": shard(name)}


def claim(job: Job, until: int | None = None, *, even_if_put_off: bool = False) -> bool:
    """Claim the job if it is due, and read it; False where it is not, any more or again.

    The claim lasts as long as this function lives, or `until` that time in milliseconds since the epoch. A job that
    waits for its time, and that nobody has claimed, is taken earlier `even_if_put_off`. Costs one request and 1 WCU.
    """
    cls = type(job)
    actions: list[Action] = [
        cls.due_at.set(deadline.current().lease_expiry() if until is None else until),
        cls.attempts.add(1),
        cls.status.set(JobStatus.RUNNING),
    ]
    free: Condition = cls.due_at <= milliseconds(now())
    if even_if_put_off:
        free |= cls.due_at.exists() & (cls.status == JobStatus.PENDING)
    return update_if(job, actions, free)


def is_claimed(job: Job) -> bool:
    """Whether somebody was at the job when it was read."""
    return bool(job.status == JobStatus.RUNNING and job.due_at is not None and job.due_at > milliseconds(now()))


def claimed(job: Job) -> Condition:
    """The claim is still the one that `job` was read with."""
    condition: Condition = type(job).due_at == job.due_at
    return condition


def change(job: Job, actions: list[Action]) -> None:
    """Store what an attempt has got to. Raises ClaimLostError."""
    if not update_if(job, actions, claimed(job)):
        raise ClaimLostError


def renew(job: Job, until: int) -> None:
    """Hold the claim `until` that time in milliseconds since the epoch. Raises ClaimLostError."""
    change(job, [type(job).due_at.set(until)])


def put_off(job: Job, until: int) -> None:
    """Leave the job to whoever finds it due at `until`, in milliseconds since the epoch; nothing has failed."""
    cls = type(job)
    change(job, [cls.due_at.set(until), cls.attempts.set(0)])


def fail(job: Job, error: Exception) -> None:
    """Have the job tried again, later each time, and remember the kind of error that ended this attempt."""
    change(job, failing(job, error))


def failing(job: Job, error: Exception) -> list[Action]:
    """The actions on a job that is to be tried again after `error`."""
    cls = type(job)
    doublings = min(max(int(job.attempts) - 1, 0), MOST_DOUBLINGS)
    seconds = min(FIRST_PAUSE_SECONDS * 2**doublings, LONGEST_PAUSE_SECONDS)
    named = getattr(error, "code", None) or type(error).__name__
    return [cls.due_at.set(milliseconds(now()) + seconds * 1_000), cls.error.set(named)]


def ended(job: Job) -> list[Action]:
    """The actions on a job that is done: nobody comes for it any more."""
    cls = type(job)
    return [
        cls.status.set(JobStatus.DONE),
        cls.due_at.remove(),
        cls.due_shard.remove(),
        cls.attempts.set(0),
        cls.error.remove(),
    ]
