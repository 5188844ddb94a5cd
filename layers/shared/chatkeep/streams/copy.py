"""The stored copy of a turn's events, for whoever resumes the stream: written behind the live one, once per second.

The last batch is stored with the turn's record or not at all. So a stored turn has its whole list, and of a turn that
died everything since the last batch is gone together with the turn.
"""

import threading
from contextvars import copy_context

from chatkeep.clock import milliseconds, now
from chatkeep.dynamodb.errors import STORAGE_ERRORS
from chatkeep.dynamodb.internals import put_of
from chatkeep.dynamodb.transaction import put_if
from chatkeep.models.event_batch import EventBatch
from chatkeep.streams import batches
from chatkeep.streams.event import Event
from chatkeep.telemetry import logger
from chatkeep.turns.overflow import Writes

BETWEEN_SECONDS = 1.0
KEPT_SECONDS = 3_600
LEASE_MARGIN_MS = 5_000
"""Nothing is sent so shortly before the lease ends: a request may take as long, and the session may be purged then."""
MOST_IN_TRANSACTION = 64 * 1024
"""Bytes of events that are left to the turn's own transaction, which has 4 MB for all of its writes."""


class Copy:
    """Takes events from any thread, which come after the one with this number; a thread of its own stores them."""

    def __init__(
        self,
        user_id: str,
        session_id: str,
        turn_id: str,
        *,
        number: int = 0,
        fingerprint: str | None = None,
        client_id: str | None = None,
    ) -> None:
        self._key = (user_id, session_id, turn_id)
        self._fingerprint = fingerprint
        self._client_id = client_id
        self._number = number
        self._pending: list[Event] = []
        self._unsure: list[EventBatch] = []
        self._lease_ends = 0
        self._changed = threading.Condition()
        self._is_stopped = False
        self._writer: threading.Thread | None = None
        self._last: Writes | None = None

    def lease_ends(self, at: int) -> None:
        """Note the end of the turn's lease, in milliseconds since the epoch: nothing is stored after it."""
        self._lease_ends = at

    def add(self, event: Event) -> None:
        """Take the next event; it is stored in about a second, or with the turn. Once stopped, it is left out."""
        with self._changed:
            if self._is_stopped:  # what comes then is made of the turn's record
                return
            self._pending.append(event)
            self._number = event.number
            if self._writer is None:
                self._writer = threading.Thread(target=copy_context().run, args=(self._write,), daemon=True)
                self._writer.start()

    def stop(self) -> None:
        """Take and store no more."""
        with self._changed:
            self._is_stopped = True
            self._changed.notify_all()
        if self._writer is not None:
            self._writer.join()

    def close(self) -> Writes:
        """Stop, and return the puts of all that is not known to be stored, which end the list.

        Called again, it returns the same. Raises errors of the storage where there is more than a transaction takes.
        """
        if self._last is None:
            self.stop()
            self._last = self._ending()
        return self._last

    def _write(self) -> None:
        """Store what has come about once per second, until the copy is stopped."""
        with self._changed:
            while not self._changed.wait_for(lambda: self._is_stopped, BETWEEN_SECONDS):
                if self._lease_ends - LEASE_MARGIN_MS <= milliseconds(now()):
                    continue
                self._unsure = self._unsure or self._taken()
                self._changed.release()
                try:
                    self._store()
                except STORAGE_ERRORS:
                    logger.warning("events were not stored; they are tried again", exc_info=True)
                finally:
                    self._changed.acquire()

    def _store(self) -> None:
        """Store what is not known to be stored, in its order. Raises errors of the storage."""
        while self._unsure:
            # A put that was sent before and arrives late must not undo one that came after it.
            put_if(self._unsure[0], EventBatch.sk.does_not_exist())
            del self._unsure[0]

    def _ending(self) -> Writes:
        self._unsure += self._taken()
        if sum(len(item.data) for item in self._unsure) > MOST_IN_TRANSACTION:
            self._store()
        items = self._unsure or self._items([], self._number + 1)
        items[-1].ended_at = self._number
        return [put_of(item) for item in items]

    def _taken(self) -> list[EventBatch]:
        events, self._pending = self._pending, []
        return self._items(events, events[0].number) if events else []

    def _items(self, events: list[Event], number: int) -> list[EventBatch]:
        pieces = batches.packed(events)
        client_id, self._client_id = self._client_id, None
        return [
            EventBatch(
                *self._key,
                number,
                place,
                data=piece,
                pieces=len(pieces) if len(pieces) > 1 else None,
                fingerprint=self._fingerprint,
                client_id=client_id,
                expires_at=milliseconds(now()) // 1000 + KEPT_SECONDS,
            )
            for place, piece in enumerate(pieces)
        ]
