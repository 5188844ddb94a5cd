"""Following a turn that runs elsewhere, or ran earlier, by looking at its stored copy."""

import asyncio
from collections.abc import AsyncGenerator
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context

from chatkeep import deadline
from chatkeep.retrying import sleep_on_loop
from chatkeep.streams.event import Event
from chatkeep.streams.following import Following

QUIET_SECONDS = 10.0
"""Without an event, after which a client is told that the connection lives: it is promised a line every 15 seconds."""
LOOK_SECONDS = 0.5
"""Between looks at the copy, which gets a batch per second."""
_threads = ThreadPoolExecutor(32, thread_name_prefix="look")


async def follow(following: Following) -> AsyncGenerator[Event | None, None]:
    """The events of the turn as they come, and None after a while without any; until its end or the deadline.

    Raises what `Following.look` does.
    """
    loop = asyncio.get_running_loop()
    quiet_since = loop.time()
    while True:
        for event in await loop.run_in_executor(_threads, copy_context().run, _look, following):
            quiet_since = loop.time()
            yield event
        if following.is_over or deadline.current().seconds_left() <= 0:
            return
        if loop.time() - quiet_since >= QUIET_SECONDS:
            quiet_since = loop.time()
            yield None
        await sleep_on_loop(LOOK_SECONDS)


def _look(following: Following) -> list[Event]:
    return list(following.look())
