"""The time of an invocation, and of each turn in it."""

from dataclasses import replace

from chatkeep import deadline
from chatkeep.deadline import Deadline

RUN_SECONDS = 450.0
"""The time that a turn has at least: none begins in the second half of the function's fifteen minutes."""


def has_time() -> bool:
    """Whether another turn may begin."""
    return deadline.seconds_until(_latest_start()) >= 0


def of_a_turn() -> Deadline:
    """The deadline of a turn, which waits for others on its session as long as it may begin."""
    return replace(deadline.current(), begin_by=_latest_start())


def _latest_start() -> float:
    return deadline.current().dies - RUN_SECONDS
