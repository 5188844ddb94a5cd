"""Carrying out the job to make a title: tried three times at most, and given up without a word to the user."""

from typing import Any

from chatkeep import deadline, jobs, messages, sessions
from chatkeep.agent import turn_metrics
from chatkeep.dynamodb.errors import STORAGE_ERRORS
from chatkeep.errors import ChatkeepError
from chatkeep.models.preferences import Preferences
from chatkeep.models.session import OF_A_TURN, Session, Status
from chatkeep.models.titling import Titling
from chatkeep.models.turn import Turn
from chatkeep.telemetry import correlation, logger
from functions.worker.settings import settings
from functions.worker.titling import asking, ending
from functions.worker.titling.asking import Asked
from functions.worker.titling.ending import End

SECONDS = 60.0
"""For an attempt, whose claim lasts as long: after its death the next one need not wait for the function's end."""
MOST_ATTEMPTS = 3


def carry_out(job: Titling) -> None:
    """Give the session a title, unless another does, or it wants none any more.

    Raises ClaimLostError; and errors of the storage and of our own, after which the job is left to the end of its claim
    unless it is said otherwise there.
    """
    with deadline.within(SECONDS), correlation.caused_by(job.request_id):
        if jobs.claim(job):
            _attempt(job)


def _attempt(job: Titling) -> None:
    session = Session.find(job.user_id, job.session_id)
    turn = Turn.find(job.user_id, job.session_id, job.turn_id)
    if session is None or session.deletion_id is not None or turn is None:
        ending.forget(job)
    elif job.attempts > MOST_ATTEMPTS or not _is_wanted(session):
        ending.store(End(job, session))
    else:
        sessions.load_details([session], OF_A_TURN)
        question, answer = (messages.get(job.user_id, job.session_id, one).content for one in turn.message_ids)
        _store(job, session, asking.ask(session, question, answer))


def _is_wanted(session: Session) -> bool:
    if not session.wants_title or session.status is Status.DELETED:
        return False
    chosen = Preferences.find(session.user_id)
    if chosen is None or chosen.generate_titles is None:
        return settings().default_generate_titles
    return bool(chosen.generate_titles)


def _store(job: Titling, session: Session, asked: Asked) -> None:
    """Raises the fault of ours that kept the model from answering, once what was used is recorded."""
    again = asked.problem if job.attempts < MOST_ATTEMPTS else None
    end = End(job, session, asked.title, again, asked.calls)
    if asked.calls:
        turn_metrics.count_usage(end.used)
    try:
        is_named = ending.store(end)
    except (ChatkeepError, *STORAGE_ERRORS):
        if asked.calls:
            logger.error("usage may not be recorded", exc_info=True, extra=_about(end))
        raise
    if asked.fault is not None:
        raise asked.fault
    code = asked.problem.code if asked.problem else None
    logger.info("title asked for", extra={**_about(end), "repeated": not is_named, **({"code": code} if code else {})})


def _about(end: End) -> dict[str, Any]:
    used = end.used
    whose = {"user_id": end.job.user_id, "session_id": end.job.session_id, "turn_id": end.job.turn_id}
    numbers = {"input_tokens": used.input_tokens, "output_tokens": used.output_tokens, "calls": len(end.calls)}
    return {**whose, "model_name": end.session.model_name, **numbers, "attempts": int(end.job.attempts)}
