"""What this process knows of checkpoints it has read or written lately, so that a put need not read its parent."""

import threading
from collections import OrderedDict

from chatkeep.checkpointer.snapshot import Known

Place = tuple[str, str]  # thread, namespace


class Recent:
    """A bounded map, safe for threads; the bound is on the bytes of digests, of which a long list has many."""

    def __init__(self, most_bytes: int = 16_000_000) -> None:
        self._most_bytes = most_bytes
        self._lock = threading.Lock()
        self._known: OrderedDict[tuple[Place, str], Known] = OrderedDict()
        self._bytes = 0

    def get(self, place: Place, checkpoint_id: str) -> Known | None:
        with self._lock:
            known = self._known.get((place, checkpoint_id))
            if known:
                self._known.move_to_end((place, checkpoint_id))
            return known

    def remember(self, place: Place, known: Known) -> None:
        with self._lock:
            self._drop((place, known.header.checkpoint_id))
            self._known[place, known.header.checkpoint_id] = known
            self._bytes += _weight(known)
            while self._bytes > self._most_bytes:
                self._drop(next(iter(self._known)))

    def forget(self, thread_id: str) -> None:
        with self._lock:
            for key in [key for key in self._known if key[0][0] == thread_id]:
                self._drop(key)

    def _drop(self, key: tuple[Place, str]) -> None:
        known = self._known.pop(key, None)
        if known:
            self._bytes -= _weight(known)


def _weight(known: Known) -> int:
    return 1_000 + sum(len(known_list.digests) for known_list in known.lists.values())
