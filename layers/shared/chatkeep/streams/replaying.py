"""Events of a stored turn, made of its record and messages: the end of each list, and all of one that was not kept."""

from collections.abc import Iterator

from chatkeep.errors import TurnLostError, TurnRolledBackError
from chatkeep.messages import parts
from chatkeep.models.message import Message, Role
from chatkeep.models.session import Session
from chatkeep.models.turn import Turn, TurnStatus
from chatkeep.streams import ending
from chatkeep.streams.event import Event, Name
from chatkeep.turns.answers import Answer


def last(user_id: str, session_id: str, turn: Turn, number: int) -> Iterator[Event]:
    """The events of the turn's end, which come after the one with this number. Raises BrokenThreadError."""
    if not turn.message_ids:
        yield ending.of_error(number, problem(turn))
        return
    yield from ending.of_answer(number, _answer(turn, _messages(user_id, session_id, turn)))


def whole(session: Session, turn: Turn) -> Iterator[Event]:
    """All events of a turn of which no list is kept: each message's text is one token. Raises BrokenThreadError."""
    if not turn.message_ids:
        yield ending.of_error(0, problem(turn))
        return
    messages = _messages(session.user_id, session.session_id, turn)
    answer = _answer(turn, messages)
    told = [(Name.TURN, ending.opening(turn.turn_id, session.shown_id, answer.user_message))]
    for message in messages:
        told += _told(message)
    for number, (name, data) in enumerate(told, 1):
        yield Event(number, name, data)
    yield from ending.of_answer(len(told), answer)


def _told(message: Message) -> Iterator[tuple[Name, dict[str, object]]]:
    if message.role == Role.ASSISTANT:
        if message.content:
            yield Name.TOKEN, {"message_id": message.message_id, "text": message.content}
        for call in message.tool_calls or ():
            yield Name.TOOL_CALL, ending.tool_call(message.message_id, call)
    elif message.role == Role.TOOL:
        yield Name.TOOL_RESULT, ending.tool_result(message.tool_call_id, message.content, message.tool_status)


def _messages(user_id: str, session_id: str, turn: Turn) -> list[Message]:
    """The turn's messages from its question on, unrated, as they were when it ended."""
    first, final = turn.message_ids
    found = Message.among(user_id, session_id, first=first, last=final)
    own = [one for one in found if one.turn_id == turn.turn_id or one.message_id == first]
    parts.join(own)
    for message in own:
        message.rating = None
    return own


def _answer(turn: Turn, messages: list[Message]) -> Answer:
    said = tuple(one for one in messages if one.role == Role.ASSISTANT)
    return Answer(turn, messages[0], messages[-1], said, repeated=True)


def problem(turn: Turn) -> dict[str, object]:
    """The problem that ended a turn without messages."""
    if turn.status == TurnStatus.ROLLED_BACK:
        return TurnRolledBackError(turn.turn_id).as_problem()
    return turn.error or TurnLostError().as_problem()
