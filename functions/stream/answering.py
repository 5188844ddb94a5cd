"""Answers that stream: a turn's events in the words of a protocol, as they come."""

from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing

from starlette.responses import Response, StreamingResponse

from chatkeep.http import problems
from chatkeep.streams import ending
from chatkeep.streams.event import LAST, Event
from functions.stream.call import Call
from functions.stream.protocols.frames import Encoder, encoded_live
from functions.stream.serving import UNEXPECTED

Events = AsyncGenerator[Event | None, None]
"""A turn's events, and None after each while without any."""


def nothing() -> None:
    """What follows from a client's leaving where others run the turn."""


async def streamed(
    call: Call, events: Events, encoder: Encoder, headers: Mapping[str, str], left: Callable[[], None] = nothing
) -> Response:
    """The answer that streams these events, once there is a first one or it is clear that it takes long.

    `left` is called where the client leaves before their end. Raises the problem of a turn that has no events.
    """
    first = await anext(events, None)
    body = encoded_live(encoder, _to_the_end(call, first, events, left))
    return StreamingResponse(body, headers=dict(headers))


async def _to_the_end(call: Call, first: Event | None, events: Events, left: Callable[[], None]) -> Events:
    """All events; a problem that comes after the answer has begun is told as the last of them."""
    number, has_ended = 0, False
    try:
        async with aclosing(events):
            yield first
            number = first.number if first else 0
            async for event in events:
                number = event.number if event else number
                has_ended = event is not None and event.name in LAST
                yield event
        has_ended = True
    except Exception as error:
        has_ended = True
        yield _problem(call, number, error)
    finally:
        if not has_ended:
            left()


def _problem(call: Call, number: int, error: Exception) -> Event:
    problem = problems.of(error)
    if problem is None:
        problems.log_failure(error, call.event)
        return ending.of_error(number, UNEXPECTED.as_problem())
    problems.reported(problem, call.event)
    return ending.of_error(number, problem.as_problem())
