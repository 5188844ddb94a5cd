"""The feed of a live stream: from the thread in which a turn runs to the event loop that sends its events."""

import asyncio
import threading
from collections.abc import Sequence
from contextlib import suppress

from chatkeep.streams.event import Event

MOST_EVENTS = 2_000
"""Held for a client that does not read; then it gets what comes from the stored copy, if it reads again."""


class Feed:
    """`put` and `end` are called in any thread, `take` on the loop. Once it has overflowed it holds nothing more."""

    def __init__(self, quiet_seconds: float) -> None:
        self._quiet_seconds = quiet_seconds
        self._quiet_since: float | None = None
        self._is_quiet = False
        self._timer: asyncio.TimerHandle | None = None
        self._loop = asyncio.get_running_loop()
        self._lock = threading.Lock()
        self._events: list[Event] = []
        self._wake = asyncio.Event()
        self._is_woken = False
        self.has_overflowed = False
        self.has_ended = False

    def put(self, event: Event) -> None:
        """Add an event, or let go of all where the client has fallen too far behind."""
        with self._lock:
            if self.has_overflowed:
                return
            self._events.append(event)
            if len(self._events) > MOST_EVENTS:
                self.has_overflowed, self._events = True, []
        self._notify()

    def end(self) -> None:
        """Nothing more comes."""
        self.has_ended = True
        self._notify()

    async def take(self) -> Sequence[Event] | None:
        """All events that have come, as soon as there are any or the feed has changed; None after `quiet_seconds`."""
        if not (self._events or self.has_ended or self.has_overflowed):
            self._quiet_since = self._loop.time()
            if self._timer is None:
                self._timer = self._loop.call_later(self._quiet_seconds, self._look_at_time)
            await self._wake.wait()
            self._quiet_since = None
            if self._is_quiet:
                self._is_quiet = False
                self._wake.clear()
                return None
        with self._lock:
            self._is_woken = False
            self._wake.clear()
            events, self._events = self._events, []
        return events

    def _look_at_time(self) -> None:
        """Wake who waits if it was quiet for long enough. A timer for each event would cost as much as the event."""
        self._timer = None
        if self._quiet_since is not None:
            left = self._quiet_since + self._quiet_seconds - self._loop.time()
            if left > 0:
                self._timer = self._loop.call_later(left, self._look_at_time)
            else:
                self._is_quiet = True
                self._wake.set()

    def _notify(self) -> None:
        """Wake the loop once for however many events come before it takes them."""
        with self._lock:
            if self._is_woken:
                return
            self._is_woken = True
        with suppress(RuntimeError):  # the loop has ended, and with it the client
            self._loop.call_soon_threadsafe(self._wake.set)
