"""The titles of sessions that have none: which turn leaves the job to make one, and the nudge for it."""

from chatkeep import jobs
from chatkeep.jobs.nudging import nudge_shortly
from chatkeep.models.session import Session
from chatkeep.models.titling import Titling
from chatkeep.models.turn import Turn
from chatkeep.settings import settings
from chatkeep.telemetry import correlation
from chatkeep.turns.answers import Answer


def job_after(session: Session, turn: Turn) -> Titling | None:
    """The job that is stored with `turn`: its session's first one with messages, if the session wants a title."""
    if not session.wants_title or session.last_message_id is not None:
        return None
    known = correlation.current()
    return Titling(
        session.user_id,
        session.session_id,
        turn_id=turn.turn_id,
        request_id=known.request_id if known else None,
        **jobs.asked_for(session.session_id),
    )


def nudge_for(answer: Answer) -> None:
    """Have the title that the turn asks for made now; never raises."""
    if answer.titling:
        nudge_shortly([(answer.titling.pk, answer.titling.sk)], settings().turns_function)
