"""A turn that is run again after it failed: one record of all its attempts, which is replaced with each of them."""

from typing import Any

from pynamodb.expressions.condition import Condition

from chatkeep.dynamodb.transaction import as_read
from chatkeep.models.turn import Turn
from chatkeep.turns.model_calls import joined

ADDED = ("input_tokens", "output_tokens", "cost")


def of_attempts(before: Turn | None, last: Turn) -> Turn:
    """The record of a turn whose `last` attempt has used that much, and those that failed `before` it that much."""
    if before is None:
        return last
    sums: dict[str, Any] = {name: getattr(before, name) + getattr(last, name) for name in ADDED}
    sums["calls"] = joined(before.calls or [], last.calls or [])
    sums["attempts"] = counted(before) + 1
    return Turn(**(last.attribute_values | sums))


def as_before(before: Turn | None) -> Condition:
    """The record of a turn's attempts is still the one that was read, or there is still none."""
    condition: Condition = Turn.sk.does_not_exist()
    if before is not None:
        condition = Turn.sk.exists() & as_read(Turn.attempts, before.attempts)
    return condition


def counted(failed: Turn) -> int:
    """The number of attempts that a record of failed ones counts."""
    return int(failed.attempts or 1)
