"""Chatkeep's own streams: of a turn that is sent, and of one by its id."""

import re

from starlette.responses import Response

from chatkeep.errors import FieldProblem, InvalidFieldError, TurnNotFoundError
from chatkeep.http.caller import claim, user_name
from chatkeep.ids import is_id
from chatkeep.streams.following import Following
from functions.stream.answering import run, streamed
from functions.stream.call import Call
from functions.stream.looking import follow
from functions.stream.protocols.native import HEADERS, Native
from functions.stream.running import Asked
from functions.stream.schemas import NewStreamedMessage, OnDisconnect
from functions.stream.serving import validated

LAST_EVENT_ID = "Last-Event-ID"
NUMBER = re.compile(r"[0-9]{1,15}")


async def stream_message(call: Call) -> Response:
    """Run a turn and stream its events; a repetition of a running or stored one gets its events from their start."""
    new = validated(NewStreamedMessage, call.json)
    asked = Asked(
        user_id=call.user_id,
        user_name=user_name(call.event),
        session_id=call.session_id,
        content=new.content,
        regenerate=new.regenerate or None,
        strategy=new.strategy,
        claim=claim(call.event, call.json),
        may_resume=new.on_disconnect is OnDisconnect.CONTINUE,
    )
    return await run(call, asked, Native(), HEADERS)


async def stream_turn(call: Call) -> Response:
    """Stream a turn's events from their start, or after `Last-Event-ID`, whoever runs it or has run it."""
    turn_id = call.in_path("turn_id")
    if not is_id(turn_id):
        raise TurnNotFoundError
    following = Following(call.user_id, call.session_id, turn_id, _after(call))
    return await streamed(call, follow(following), Native(), HEADERS)


def _after(call: Call) -> int:
    """The number of the last event that the client has. Raises InvalidFieldError."""
    given = call.event.headers.get(LAST_EVENT_ID)
    if given is None:
        return 0
    if not NUMBER.fullmatch(given.strip()):
        raise InvalidFieldError(FieldProblem(LAST_EVENT_ID, "must be the id of an event, a whole number in digits"))
    return int(given)
