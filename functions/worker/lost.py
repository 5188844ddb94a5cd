"""Turns whose process died: run again where they had not begun to speak, else lost."""

from chatkeep.errors import TurnLostError
from chatkeep.models.background import BackgroundTurn
from chatkeep.models.session import Session
from chatkeep.turns import lease, repair

MOST_ATTEMPTS = 3
"""A turn whose process died as often, whatever it had begun, is not tried again."""


def still_runs(job: BackgroundTurn) -> bool:
    """Whether the attempt before goes on, though its claim was not renewed; else it can store nothing any more."""
    repair.end_lease(job.user_id, job.session_id)
    session = Session.find(job.user_id, job.session_id)
    return session is not None and lease.running_turn(session) == job.turn_id


def problem(job: BackgroundTurn) -> TurnLostError | None:
    """The problem that ends the turn; None where it may be run again."""
    if job.attempts > MOST_ATTEMPTS:
        return TurnLostError(job.turn_id)
    return None
