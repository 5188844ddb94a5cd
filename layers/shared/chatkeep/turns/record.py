"""The record of a turn, and its messages as the session's transcript has them."""

import json
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict
from datetime import datetime
from itertools import dropwhile, islice
from operator import itemgetter
from typing import Any

from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, ToolMessage

from chatkeep import ids
from chatkeep.clock import now, stamp
from chatkeep.models.message import Message, Role
from chatkeep.models.session import Session
from chatkeep.models.turn import Turn, TurnStatus
from chatkeep.telemetry import correlation
from chatkeep.text import valid
from chatkeep.turns import summaries
from chatkeep.turns.encodable import as_json
from chatkeep.turns.model_calls import ModelCall, as_entries
from chatkeep.turns.progress import Progress
from chatkeep.turns.reported import finish_reason

MOST_ADDED = 4
"""Messages that a graph may have added in a row, before those of which no question is looked for."""
UNREAD = "the arguments are not a JSON object"


def turn(session: Session, turn_id: str, status: TurnStatus, used: Sequence[ModelCall], started: datetime) -> Turn:
    """The record of a turn that has used these calls; its messages are not in it yet."""
    return Turn(
        session.user_id,
        session.session_id,
        turn_id,
        status=status,
        created_at=stamp(started),
        fence=session.lease_fence,
        input_tokens=sum(one.input_tokens for one in used),
        output_tokens=sum(one.output_tokens for one in used),
        cost=sum(one.cost or 0 for one in used),
        calls=as_entries(used),
    )


def opened(session: Session, turn_id: str, first: Sequence[BaseMessage], started: datetime) -> list[Message]:
    """The messages with which a turn opens, the question being the last."""
    made = [_message(session, turn_id, str(one.id), one, stamp(started), answers=True) for one in first]
    return _linked(made, session.last_message_id)


def messages(
    session: Session, turn: Turn, progress: Progress, new: list[BaseMessage], asked: Message | None = None
) -> list[Message]:
    """The turn's messages in order: those of its opening, then the other `new` ones; the usage comes later.

    Where the turn answers the question `asked` again, the opening is stored already and is not among them.
    """
    first = progress.opening
    made = [] if asked else opened(session, turn.turn_id, first, datetime.fromisoformat(turn.created_at))
    latest = made[-1].message_id if made else session.last_message_id
    created_at = turn.created_at
    for name, one in _named(progress, [one for one in new if isinstance(one, AIMessage | ToolMessage)], latest):
        created_at = max(created_at, stamp(now()))  # the time of day may be set back
        made.append(_message(session, turn.turn_id, name, one, created_at, answers=bool(first)))
    return _linked(made, asked.message_id if asked else session.last_message_id)


def _linked(made: list[Message], parent_id: str | None) -> list[Message]:
    for message in made:
        message.parent_id, parent_id = parent_id, message.message_id
    return made


def _named(progress: Progress, new: list[BaseMessage], last: str | None) -> list[tuple[str, BaseMessage]]:
    """The messages beside the opening with their stored ids, in the order of these.

    That is the thread's, but for models that spoke at once. Should another than the last one have the last id then, all
    get fresh ids: the last message is the answer.
    """
    opened = {one.id for one in progress.opening}
    said = [one for one in new if one.id not in opened]
    named: list[tuple[str, BaseMessage]] = []
    latest = last
    for one in said:
        latest = (progress.names and progress.names.of(one.id)) or ids.after(latest)
        named.append((latest, one))
    in_order = sorted(named, key=itemgetter(0))
    if in_order and in_order[-1][1] is not said[-1]:
        in_order = []
        for one in said:
            last = ids.after(last)
            in_order.append((last, one))
    return in_order


def _message(
    session: Session, turn_id: str, message_id: str, said: BaseMessage, created_at: str, *, answers: bool
) -> Message:
    role = {HumanMessage: Role.USER, ToolMessage: Role.TOOL}.get(type(said), Role.ASSISTANT)
    message = Message(
        session.user_id,
        session.session_id,
        message_id,
        turn_id=turn_id,
        role=role,
        content=valid(said.text),
        created_at=created_at,
    )
    if isinstance(said, ToolMessage):
        message.tool_call_id, message.tool_status = valid(str(said.tool_call_id)), said.status
    if isinstance(said, AIMessage):
        message.tool_calls = calls(said) or None
        summary = summaries.carried(said)
        message.summary = summary and asdict(summary)  # see `summarised`
        message.finish_reason = finish_reason(said) if answers else None  # nobody has where the turn only summarised
    return message


def summarised(session: Session, progress: Progress, made: Sequence[Message]) -> None:
    """Have the summaries in the turn's messages name the last message that they stand for as the transcript does.

    Where a summary ends within an earlier turn, that is one read, of the question after it: a question has the same id
    in thread and transcript. One that ends at no message of the session's, as an agent of the graph's may have had it
    made for itself, is not the session's.
    """
    for message in made:
        if message.summary is not None:
            until = _until(session, message.summary["following"], progress, made)
            message.summary = until and {"text": message.summary["text"], "until_message_id": until}


def _until(session: Session, following: str | None, progress: Progress, made: Sequence[Message]) -> str | None:
    if following is None:
        return session.last_message_id
    in_order = [one.message_id for one in made]
    for thread_id in [following, *islice(_questions_after(following, progress), MOST_ADDED)]:
        if (own := progress.stored_id(thread_id)) in in_order:
            place = in_order.index(own)
            return in_order[place - 1] if place else session.last_message_id
        if question := Message.find(session.user_id, session.session_id, thread_id):
            return question.parent_id
    return None


def _questions_after(thread_id: str, progress: Progress) -> Iterator[str]:
    """A graph may add messages of its own in the user's name, which the transcript does not have."""
    later = dropwhile(lambda one: one.id != thread_id, progress.after)
    return (str(one.id) for one in islice(later, 1, None) if isinstance(one, HumanMessage))


def calls(said: AIMessage) -> list[dict[str, Any]]:
    """The calls of an answer, those that could not be made too, with their arguments as the model wrote them."""
    unread = [
        {**call, "args": _written(call["args"]), "type": "invalid_tool_call", "error": call.get("error") or UNREAD}
        for call in said.invalid_tool_calls
    ]
    return [as_json(dict(call)) for call in (*said.tool_calls, *unread)]


def _written(arguments: str | None) -> str:
    """The arguments of an invalid call as the model wrote them; see `chatkeep.agent.models.tool_calls`."""
    with suppress(ValueError, RecursionError):
        if isinstance(raw := json.loads(arguments or ""), str):
            return raw
    return arguments or ""


def complete(answer: Message, turn: Turn, model_name: str) -> None:
    """Give the answer the whole turn's usage, and the id under which its trace and its log lines are found."""
    answer.status = turn.status
    answer.model_name = model_name
    if any(call.get("estimated") for call in turn.calls):
        answer.estimated = True
    answer.input_tokens = turn.input_tokens
    answer.output_tokens = turn.output_tokens
    answer.response_time_ms = turn.response_time_ms
    if known := correlation.current():
        answer.trace_id = known.trace_id
    if all(call["cost"] is not None for call in turn.calls):
        answer.cost = turn.cost
