"""A session's background turns that have not ended yet, in the order in which they are run: as they were asked for,
those that stop the running turn first."""

from chatkeep.models.background import BackgroundTurn
from chatkeep.turns.admission import CANCELS, Strategy


def of_session(user_id: str, session_id: str) -> list[BackgroundTurn]:
    """Reads their questions too: one Query, which is a strongly consistent one."""
    return sorted(BackgroundTurn.among(user_id, session_id), key=_place)


def interrupts(job: BackgroundTurn) -> bool:
    """Whether the turn stops the running one, and so waits for none before it."""
    return Strategy(job.strategy) in CANCELS


def _place(job: BackgroundTurn) -> tuple[bool, str, str]:
    return not interrupts(job), job.requested_at, job.turn_id
