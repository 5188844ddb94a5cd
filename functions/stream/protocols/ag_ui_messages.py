"""A transcript as AG-UI's messages, for a client that opens an old thread."""

from collections.abc import Iterator, Sequence
from typing import Any

from chatkeep.messages import branches, fitting, listing, parts
from chatkeep.messages.results import Paired, paired
from chatkeep.models.message import Message, Role
from chatkeep.models.session import Session
from functions.stream.protocols.frames import one_line

PAGE = 200
"""Messages that are read at once."""


def result_id(caller: str, call_id: str) -> str:
    """The id of a tool's result, by the id of the message that called the tool: it is shown before it has a stored
    one."""
    return f"{caller}:{call_id}"


def messages(stored: Sequence[Message]) -> list[dict[str, Any]]:
    """Stored messages, the oldest first, under the ids that the stream gave them."""
    return list(map(_message, _shown(paired(stored))))


def _shown(pairs: Iterator[Paired]) -> Iterator[Paired]:
    """Without the results of calls that an earlier turn has left open: the stream did not show them."""
    return (one for one in pairs if one.message.role != Role.TOOL or one.answers)


def _message(one: Paired) -> dict[str, Any]:
    message = one.message
    if message.role == Role.USER:
        return {"id": message.client_id or message.message_id, "role": "user", "content": message.content}
    if one.answers:
        return {
            "id": result_id(*one.answers),
            "role": "tool",
            "content": message.content,
            "toolCallId": one.answers[1],
        }
    said: dict[str, Any] = {"id": message.message_id, "role": "assistant", "content": message.content}
    if calls := [_call(call_id, call) for call_id, call in one.calls]:
        said["toolCalls"] = calls
    return said


def _call(call_id: str, call: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": call_id,
        "type": "function",
        "function": {"name": call["name"], "arguments": one_line(call["args"])},
    }


def transcript(session: Session) -> list[dict[str, Any]]:
    """The active branch of a session, or as many of its last messages as fit into an answer of the other routes."""
    session, known = branches.at_one_time(session)
    room, newest = fitting.ROOM_BYTES, list[Message]()
    for message in listing.in_order(session, known, PAGE, None, newest_first=True):
        parts.join([message])
        room -= parts.size(message)
        if newest and room < 0:
            break
        newest.append(message)
    return messages(newest[::-1])
