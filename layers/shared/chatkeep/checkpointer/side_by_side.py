"""Independent requests at the same time."""

from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from contextvars import copy_context
from typing import TypeVar

T = TypeVar("T")


def side_by_side(pool: Callable[[], Executor], jobs: Sequence[Callable[[], T]]) -> list[T]:
    """The results of all jobs in their order; a single one runs in this thread. Raises what the first failure did."""
    if len(jobs) < 2:
        return [job() for job in jobs]
    contexts = [copy_context() for _ in jobs]  # the request's deadline is in them
    return list(pool().map(lambda context, job: context.run(job), contexts, jobs))
