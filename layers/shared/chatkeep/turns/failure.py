"""The failure of a run: the problem that it is for the turn's sender, and the operator's line on it."""

from http import HTTPStatus

from chatkeep.errors import (
    ChatkeepError,
    GraphFailedError,
    LeaseLostError,
    SessionDeletedError,
    SessionNotFoundError,
)
from chatkeep.models.session import Session
from chatkeep.telemetry import logger
from chatkeep.turns.call_recorder import CallRecorder
from chatkeep.turns.tools import Explain

GRAPH_FAILED = "the graph of this deployment failed; its operator finds the reason in the log"
LOST = (SessionDeletedError, SessionNotFoundError, LeaseLostError)
"""The session is no longer this turn's."""


def problem_of(error: Exception, session: Session, recorder: CallRecorder, explain: Explain) -> ChatkeepError:
    """The model's problem where a call of it ended with `error` or with a cause of it, else the graph's."""
    if isinstance(error, ChatkeepError):
        return error
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, Exception) and cause is recorder.failure:
            return explain(cause, recorder.failed_model or session.model_name)
        cause = cause.__cause__
    return GraphFailedError(GRAPH_FAILED)


def log(problem: ChatkeepError, session: Session, error: Exception | None = None) -> None:
    """One line on a run that ended with `problem`; at ERROR unless the sender can do something about it."""
    tell = logger.error if problem.status >= HTTPStatus.INTERNAL_SERVER_ERROR else logger.info
    about = {"session_id": session.session_id, "turn_id": session.lease_turn_id, "model_name": session.model_name}
    tell("turn failed", exc_info=error, extra={"code": problem.code, **about})
