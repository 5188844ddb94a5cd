"""The metrics of a turn."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from chatkeep.agent import prices
from chatkeep.errors import (
    ConflictError,
    InvalidFieldError,
    ModelAccountError,
    NotFoundError,
    TooManyTurnsError,
    TurnTimedOutError,
)
from chatkeep.models.turn import Turn, TurnStatus
from chatkeep.telemetry import metrics
from chatkeep.turns.answers import Answer

NOT_FAILURES = (ConflictError, InvalidFieldError, NotFoundError, TooManyTurnsError)
ACCOUNT_CODES = {error.code for error in ModelAccountError.__subclasses__()}


@contextmanager
def of_a_turn() -> Iterator[Callable[[Answer], None]]:
    """Count the turn's usage once it is stored, and a failure where it fails by no fault of its sender."""
    try:
        yield _count
    except NOT_FAILURES:
        raise
    except Exception as error:
        count_failure(getattr(error, "code", None))
        raise


def _count(answer: Answer) -> None:
    if answer.repeated:  # it uses nothing
        return
    turn = answer.used
    if turn.status == TurnStatus.TIMED_OUT:
        count_failure(TurnTimedOutError.code)
    elif turn.status == TurnStatus.FAILED:
        count_failure((turn.error or {}).get("code"))
    else:
        metrics.add_metric(name="TurnsCompleted", unit="Count", value=1)
    count_usage(turn)
    metrics.add_metric(name="ResponseTimeMs", unit="Milliseconds", value=turn.response_time_ms)
    if answer.message.first_token_ms is not None:
        metrics.add_metric(name="TimeToFirstTokenMs", unit="Milliseconds", value=answer.message.first_token_ms)
    if answer.checkpoint_bytes is not None:
        metrics.add_metric(name="CheckpointBytes", unit="Bytes", value=answer.checkpoint_bytes)
    if any(call["cost"] is None and prices.are_listed(call.get("model_name", "")) for call in turn.calls):
        metrics.add_metric(name="UnpricedTurns", unit="Count", value=1)


def count_usage(turn: Turn) -> None:
    """Count the usage, whatever became of the turn: the alarm on the models' cost looks at it."""
    metrics.add_metric(name="InputTokens", unit="Count", value=turn.input_tokens)
    metrics.add_metric(name="OutputTokens", unit="Count", value=turn.output_tokens)
    metrics.add_metric(name="CostMicroDollars", unit="Count", value=turn.cost)


def count_failure(code: str | None) -> None:
    """Count a turn that failed with the problem of that code, by no fault of its sender."""
    metrics.add_metric(name="TurnsCompleted", unit="Count", value=0)  # the share of failures needs both
    metrics.add_metric(name="TurnsFailed", unit="Count", value=1)
    if code == TurnTimedOutError.code:
        metrics.add_metric(name="TurnsTimedOut", unit="Count", value=1)
    if code in ACCOUNT_CODES:  # for the operator, who alone can do something
        metrics.add_metric(name="ModelAccountFailures", unit="Count", value=1)
