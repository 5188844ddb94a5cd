"""Turns whose process died: run again where they had not begun to speak, else lost."""

from chatkeep.models.background import BackgroundTurn
from chatkeep.models.event_batch import EventBatch
from chatkeep.models.session import Session
from chatkeep.turns import lease, repair

MOST_ATTEMPTS = 3
"""A turn whose process died as often is not tried again, even if it never spoke."""


def still_runs(job: BackgroundTurn) -> bool:
    """Whether the attempt before goes on, though its claim was not renewed; else it can store nothing any more."""
    repair.end_lease(job.user_id, job.session_id)
    session = Session.find(job.user_id, job.session_id)
    return session is not None and lease.running_turn(session) == job.turn_id


def is_to_run(job: BackgroundTurn) -> bool:
    """Whether the turn may be run again: none of its events is stored, so that nobody has heard of any."""
    first = int(job.events_before) + 1
    told = EventBatch.of_turn(job.user_id, job.session_id, job.turn_id, first=first, limit=1)
    return job.attempts <= MOST_ATTEMPTS and next(told, None) is None
