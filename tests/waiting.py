"""Waiting for another thread or process, as long as a busy machine may need."""

import time
from collections.abc import Callable


def wait_until(holds: Callable[[], bool], seconds: float = 30) -> None:
    """Return once the condition holds. Raises AssertionError."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "it did not come true in time"
        time.sleep(0.01)
