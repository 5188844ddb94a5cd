"""Claims of background turns: short, and renewed while a turn runs, so that one whose process died is soon found."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import copy_context

from pynamodb.expressions.update import Action

from chatkeep import jobs
from chatkeep.clock import milliseconds, now
from chatkeep.dynamodb.errors import STORAGE_ERRORS
from chatkeep.jobs import ClaimLostError
from chatkeep.models.background import BackgroundTurn
from chatkeep.models.job import JobStatus
from chatkeep.telemetry import logger

CLAIM_SECONDS = 60
"""Lambda comes again after one minute, and after two more, for an invocation whose process died."""
RENEWAL_SECONDS = 15.0
PAUSE_SECONDS = 60
"""Until a turn that was put off is due again; then the schedule comes for it, every five minutes."""


def take(job: BackgroundTurn, *, even_if_put_off: bool = False) -> bool:
    """Claim the job, and read it; False where another has it, or it is gone."""
    return jobs.claim(job, _in(CLAIM_SECONDS), even_if_put_off=even_if_put_off)


def put_off(job: BackgroundTurn, refusal: str | None = None) -> None:
    """Leave the turn for later: it has not begun, and this was no attempt. Raises ClaimLostError."""
    cls = BackgroundTurn
    actions: list[Action] = [
        cls.due_at.set(_in(PAUSE_SECONDS)),
        cls.status.set(JobStatus.PENDING),
        cls.attempts.add(-1),
    ]
    if refusal is not None:
        actions += [cls.refusals.add(1), cls.error.set(refusal)]
    jobs.change(job, actions)


@contextmanager
def kept(job: BackgroundTurn) -> Iterator[None]:
    """Hold the claim while the code within runs."""
    # One of its own: an update reads the item, and nobody else may look at it meanwhile.
    held, over = BackgroundTurn(pk=job.pk, sk=job.sk), threading.Event()
    held.due_at = job.due_at
    thread = threading.Thread(target=copy_context().run, args=(_renew, held, over), daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
        job.due_at = held.due_at


def _renew(job: BackgroundTurn, over: threading.Event) -> None:
    while not over.wait(RENEWAL_SECONDS):
        claim = job.due_at
        try:
            jobs.renew(job, _in(CLAIM_SECONDS))
        except ClaimLostError:  # the turn goes on while it has its session's lease
            return
        except STORAGE_ERRORS:
            job.due_at = claim
            logger.warning("a claim was not renewed; the next try comes soon", exc_info=True)


def _in(seconds: float) -> int:
    return milliseconds(now()) + int(seconds * 1_000)
