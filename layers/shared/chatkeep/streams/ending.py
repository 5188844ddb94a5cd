"""The events that are made of stored messages and records: live, in each replay, and for turns that had no stream."""

from collections.abc import Iterator, Mapping
from typing import Any

from chatkeep import messages
from chatkeep.http import turns
from chatkeep.models.message import Message
from chatkeep.models.session import Session
from chatkeep.streams.event import Event, Name
from chatkeep.turns.answers import Answer


def opening(turn_id: str, session: Session, question: Message | None) -> dict[str, Any]:
    """The data of `turn`. Only a turn that summarises has no question; a title that lies in the details is not told."""
    told = {"turn_id": turn_id, "session_id": session.shown_id, "title": session.title}
    return {**told, "user_message": question and shown(question)}


def shown(message: Message) -> dict[str, Any]:
    """A message as the API shows it, cut where it is too large for one answer."""
    return messages.view(message).model_dump(mode="json")


def tool_call(message_id: str, call: Mapping[str, Any]) -> dict[str, Any]:
    """The data of `tool_call`, of a call as a message has it."""
    named = {"tool_call_id": call.get("id"), "name": call.get("name"), "arguments": call.get("args")}
    return {"message_id": message_id, **named}


def tool_result(tool_call_id: str | None, content: str, status: str) -> dict[str, Any]:
    """The data of `tool_result`."""
    return {"tool_call_id": tool_call_id, "content": content, "status": status}


def of_answer(number: int, answer: Answer) -> Iterator[Event]:
    """The last events of a stored turn, which come after the one with this number: its messages, and `done`."""
    for message in answer.said:
        number += 1
        yield Event(number, Name.MESSAGE, shown(message))
    yield Event(number + 1, Name.DONE, turns.view(answer).model_dump(mode="json"))


def of_error(number: int, problem: dict[str, Any]) -> Event:
    """The last event of a turn that is stored as one without messages; it comes after the one with this number."""
    return Event(number + 1, Name.ERROR, problem)


def aside(number: int, problem: dict[str, Any]) -> Event:
    """An error that no list has, told under the number of the event before it: who resumes after it misses nothing.

    The turn may be stored all the same, or be run again.
    """
    return Event(number, Name.ERROR, problem)
