"""The threads that a saver works in besides its callers'."""

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from chatkeep.checkpointer.forks import renew_in_children

T = TypeVar("T")
_REQUESTS, _CALLS = 8, 16


class Workers:
    """Threads for requests side by side, and others for async calls, which wait for requests.

    They start when they are needed first, and end with `close`, or with the last saver that has them.
    """

    def __init__(self) -> None:
        self.renew()
        renew_in_children(self)

    def renew(self) -> None:
        self._lock = threading.Lock()
        self._executors: dict[str, ThreadPoolExecutor] = {}

    def for_requests(self, job: Callable[[], T]) -> "Future[T]":
        return self._submit("requests", _REQUESTS, job)

    def for_call(self, job: Callable[[], T]) -> "Future[T]":
        return self._submit("calls", _CALLS, job)

    def _submit(self, kind: str, most: int, job: Callable[[], T]) -> "Future[T]":
        with self._lock:  # so that nobody shuts the executor down in between
            if kind not in self._executors:
                self._executors[kind] = ThreadPoolExecutor(most, thread_name_prefix=f"checkpointer-{kind}")
            return self._executors[kind].submit(job)

    def close(self) -> None:
        """End the threads once they have done their jobs. A later call starts others.

        The calls' threads end first, as calls that are under way may need threads for requests.
        """
        for kind in ("calls", "requests"):
            with self._lock:
                executor = self._executors.pop(kind, None)
            if executor:
                executor.shutdown()
