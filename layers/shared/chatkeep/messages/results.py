"""The results of tool calls, each with the call that it answers.

Results that were stored by earlier versions do not say which one that is, and follow in the order of the calls.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from chatkeep.models.message import Message, Role


@dataclass(frozen=True)
class Paired:
    """A message; one of a model with its calls under their ids, a result with the call that it answers, as the id of
    the message that made it and its own id. That is None where the call is not of the same turn."""

    message: Message
    calls: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    answers: tuple[str, str] | None = None


def paired(messages: Iterable[Message]) -> Iterator[Paired]:
    """Messages in their order, the results with their calls."""
    turn_id, waiting = None, list[tuple[str, str]]()
    for message in messages:
        if message.turn_id != turn_id:
            turn_id, waiting = message.turn_id, []
        if message.role == Role.TOOL:
            yield Paired(message, answers=_answered(message, waiting))
        else:
            calls = _named(message)
            _wait(message, waiting)
            yield Paired(message, calls)


def _named(message: Message) -> list[tuple[str, dict[str, Any]]]:
    """The message's calls under their ids; one that has none is named after its place."""
    calls = message.tool_calls or []
    return [(call.get("id") or f"{message.message_id}-{number}", call) for number, call in enumerate(calls, 1)]


def _wait(message: Message, waiting: list[tuple[str, str]]) -> None:
    """Add the message's calls to those without a result; an older one with the id of a new one gets none any more."""
    calls = [(message.message_id, call["id"]) for call in message.tool_calls or [] if call.get("id")]
    again = {name for _, name in calls}
    waiting[:] = [*(one for one in waiting if one[1] not in again), *calls]


def _answered(result: Message, waiting: list[tuple[str, str]]) -> tuple[str, str] | None:
    """The call that a result answers, which waits no longer."""
    for at, call in enumerate(waiting):
        if result.tool_call_id in (None, call[1]):
            return waiting.pop(at)
    return None
