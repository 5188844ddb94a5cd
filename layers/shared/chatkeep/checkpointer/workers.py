"""The threads that a saver works in besides its callers'."""

import threading
from concurrent.futures import Executor, ThreadPoolExecutor

from chatkeep.checkpointer.forks import renew_in_children

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

    def requests(self) -> Executor:
        return self._executor("requests", _REQUESTS)

    def calls(self) -> Executor:
        return self._executor("calls", _CALLS)

    def _executor(self, kind: str, most: int) -> Executor:
        with self._lock:
            if kind not in self._executors:
                self._executors[kind] = ThreadPoolExecutor(most, thread_name_prefix=f"checkpointer-{kind}")
            return self._executors[kind]

    def close(self) -> None:
        """End the threads once they have done what they were given. A later call starts others."""
        with self._lock:
            ended, self._executors = self._executors, {}
        for executor in ended.values():
            executor.shutdown()
