"""Answers that stream: a turn's events in the words of a protocol, as they come."""

from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing

from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from chatkeep.streams import ending
from chatkeep.streams.event import LAST, Event
from functions.stream.call import Call
from functions.stream.protocols.frames import Encoder, encoded
from functions.stream.running import Asked, RunningTurn
from functions.stream.serving import told

Events = AsyncGenerator[Event | None, None]
"""A turn's events, and None after each while without any."""
NO_MORE = object()


def nothing() -> None:
    """What follows from a client's leaving where others run the turn."""


async def run(call: Call, asked: Asked, encoder: Encoder, headers: Mapping[str, str]) -> Response:
    """The answer that streams a turn which is run for it. Raises the error of one without any event."""
    turn = RunningTurn(call, asked)
    turn.start()
    return await streamed(call, turn.events(), encoder, headers, turn.left)


async def streamed(
    call: Call, events: Events, encoder: Encoder, headers: Mapping[str, str], left: Callable[[], None] = nothing
) -> Response:
    """The answer that streams these events, once there is a first one or it is clear that it takes long.

    `left` is called where the client leaves before their end. Raises the error of a turn that has no events.
    """
    first = await anext(events, NO_MORE)
    return _Stream(_Told(call, first, events), encoder, headers, left)


class _Told:
    """All events; a problem that comes after the answer has begun is told as the last of them."""

    def __init__(self, call: Call, first: Event | object | None, events: Events) -> None:
        self._call = call
        self._first = first
        self._events = events
        self.have_ended = False

    async def all(self) -> Events:
        number = 0
        try:
            async with aclosing(self._with_first()) as events:
                async for event in events:
                    number = event.number if event else number
                    self.have_ended = event is not None and event.name in LAST
                    yield event
        except Exception as error:
            self.have_ended = True
            yield ending.aside(number, told(self._call, error).as_problem())
        self.have_ended = True

    async def _with_first(self) -> Events:
        async with aclosing(self._events):
            if isinstance(self._first, Event | None):
                yield self._first
                async for event in self._events:
                    yield event


class _Stream(StreamingResponse):
    """Tells where its client leaves before the end: in whatever it is just then, even if it has not begun."""

    def __init__(self, told: _Told, encoder: Encoder, headers: Mapping[str, str], left: Callable[[], None]) -> None:
        self._told = told
        self._left = left
        self._all = told.all()
        super().__init__(encoded(encoder, self._all), headers=dict(headers))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            if not self._told.have_ended:
                self._left()
            await self._all.aclose()
