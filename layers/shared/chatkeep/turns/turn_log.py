"""One line of the log and a span for each turn that has ended, however it ended."""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from chatkeep import tracing
from chatkeep.errors import ChatkeepError, TurnRolledBackError, TurnTimedOutError
from chatkeep.models.message import Message
from chatkeep.models.turn import Turn, TurnStatus
from chatkeep.telemetry import logger
from chatkeep.telemetry.log_lines import named
from chatkeep.turns.answers import Answer
from chatkeep.turns.attempt import Attempt
from chatkeep.turns.spans import model_attributes

STATUSES = {TurnTimedOutError: TurnStatus.TIMED_OUT, TurnRolledBackError: TurnStatus.ROLLED_BACK}
"""Of turns that ended with an error of this kind; others have failed."""
SAID = {
    "chatkeep.turn.status": "status",
    "chatkeep.turn.repeated": "repeated",
    "error.type": "code",
    "gen_ai.usage.input_tokens": "input_tokens",
    "gen_ai.usage.output_tokens": "output_tokens",
}
"""Members of the line that the span has as well, by its names for them."""


@contextmanager
def of(attempt: Attempt, arrived: float) -> Iterator[Callable[[Answer], Answer]]:
    """Tell of the attempt that is made within, once its answer goes through the function that is yielded or its error
    comes out. Its request `arrived` at that moment."""
    session = attempt.session
    turn_id = str(session.lease_turn_id)
    about = {**_whose(session.user_id, session.session_id, turn_id), "model_name": session.model_name}
    attributes = {
        "gen_ai.operation.name": "invoke_agent",
        "gen_ai.conversation.id": session.session_id,
        "chatkeep.turn.id": turn_id,
        **model_attributes(session.model_name),
    }
    with tracing.span("invoke_agent", attributes) as span:

        def tell(answer: Answer) -> Answer:
            how = {"checkpoint_bytes": answer.checkpoint_bytes, "repeated": answer.repeated}
            _tell(span, {**about, **_stored(answer.used, answer.message), **how, **_waits(attempt, arrived)})
            return answer

        try:
            yield tell
        except Exception as error:
            repeated = isinstance(error, TurnRolledBackError) and not attempt.rolled_back
            _tell(span, {**about, **_failed(attempt, error), "repeated": repeated, **_waits(attempt, arrived)})
            raise
        finally:
            attempt.run.spans.stop()


def of_repetition(user_id: str, session_id: str, turn: Turn, read: Callable[[], Answer]) -> Answer:
    """The answer of a stored turn that was asked for again, as `read` finds it. Raises what `read` does."""
    about = {**_whose(user_id, session_id, turn.turn_id), "repeated": True}
    try:
        answer = read()
    except Exception:
        _tell(tracing.NOTHING, {**about, **_stored(turn)})
        raise
    _tell(tracing.NOTHING, {**about, **_stored(turn, answer.message)})
    return answer


def of_record(user_id: str, session_id: str, turn: Turn) -> None:
    """Tell of a turn that nobody runs: its record is all that there is."""
    _tell(tracing.NOTHING, {**_whose(user_id, session_id, turn.turn_id), **_stored(turn)})


def _whose(user_id: str, session_id: str, turn_id: str) -> dict[str, Any]:
    return {"user_id": user_id, "session_id": session_id, "turn_id": turn_id}


def _stored(turn: Turn, answer: Message | None = None) -> dict[str, Any]:
    """The members of the line that the turn's record and its answer have."""
    told = {
        "status": str(turn.status),
        "code": (turn.error or {}).get("code"),
        "input_tokens": int(turn.input_tokens),
        "output_tokens": int(turn.output_tokens),
        "cost_micro_dollars": _total(one.get("cost") for one in turn.calls or ()),
        "calls": sum(one.get("calls", 1) for one in turn.calls or ()),
        "response_time_ms": turn.response_time_ms and int(turn.response_time_ms),
    }
    if answer is not None:
        told |= {"finish_reason": answer.finish_reason, "model_name": answer.model_name}
    return told


def _failed(attempt: Attempt, error: Exception) -> dict[str, Any]:
    """The members of the line of a turn of which nothing is stored but its usage."""
    used = attempt.used()
    return {
        "status": str(next((STATUSES[kind] for kind in STATUSES if isinstance(error, kind)), TurnStatus.FAILED)),
        "code": error.code if isinstance(error, ChatkeepError) else named(error),
        "input_tokens": sum(one.input_tokens for one in used),
        "output_tokens": sum(one.output_tokens for one in used),
        "cost_micro_dollars": _total(one.cost for one in used),
        "calls": len(used),
        "response_time_ms": round((time.monotonic() - attempt.run.began) * 1000),
    }


def _total(costs: Iterable[int | None]) -> int | None:
    """The sum; None where one of the calls has no known price."""
    listed = list(costs)
    return None if None in listed else sum(map(int, filter(None, listed)))


def _waits(attempt: Attempt, arrived: float) -> dict[str, Any]:
    """How long the request waited for the session, and then for the first piece of an answer."""
    return {
        "waited_ms": round((attempt.run.began - arrived) * 1000),
        "first_token_ms": attempt.run.first_token_ms(),
    }


def _tell(span: tracing.Span, told: Mapping[str, Any]) -> None:
    line = {name: value for name, value in told.items() if value is not None}
    logger.info("turn ended", extra=line)
    span.tell({name: line.get(member) for name, member in SAID.items()})
    if code := line.get("code"):
        span.fail(code)
    if reason := line.get("finish_reason"):
        span.tell({"gen_ai.response.finish_reasons": [reason]})
