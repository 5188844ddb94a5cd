"""Events of a stored turn, made of its record and messages: the end of each list, and all of one that was not kept."""

from collections.abc import Iterator
from itertools import takewhile

from chatkeep.errors import TurnLostError, TurnNotFoundError, TurnRolledBackError
from chatkeep.messages import branches, parts
from chatkeep.models.message import Message, Role
from chatkeep.models.session import Session
from chatkeep.models.turn import Turn, TurnStatus
from chatkeep.streams import ending
from chatkeep.streams.event import Event, Name, before_list
from chatkeep.turns.answers import Answer

PAGE = 20
"""Messages that are read at a time; most turns have two."""


def last(user_id: str, session_id: str, turn: Turn, number: int) -> Iterator[Event]:
    """The events of the turn's end, which come after the one with this number. Raises BrokenThreadError."""
    if not turn.message_ids:
        yield ending.of_error(number, problem(turn))
        return
    yield from ending.of_answer(number, _answer(turn, _messages(user_id, session_id, turn)))


def whole(session: Session, turn: Turn) -> Iterator[Event]:
    """All events of a turn with messages, of which no list is kept: each message's text is one token.

    They are a list of their own, as others were shown under the numbers of the list that was. Raises BrokenThreadError.
    """
    before = before_list(int(turn.fence or 0) + 1)
    own = _messages(session.user_id, session.session_id, turn)
    answer = _answer(turn, own)
    told = [(Name.TURN, ending.opening(turn.turn_id, session, answer.user_message))]
    for message in own:
        told += _told(message)
    for number, (name, data) in enumerate(told, before + 1):
        yield Event(number, name, data)
    yield from ending.of_answer(before + len(told), answer)


def _told(message: Message) -> Iterator[tuple[Name, dict[str, object]]]:
    if message.role == Role.ASSISTANT:
        if message.content:
            yield Name.TOKEN, {"message_id": message.message_id, "text": message.content}
        for call in message.tool_calls or ():
            yield Name.TOOL_CALL, ending.tool_call(message.message_id, call)
    elif message.role == Role.TOOL:
        yield Name.TOOL_RESULT, ending.tool_result(message.tool_call_id, message.content, message.tool_status)


def _messages(user_id: str, session_id: str, turn: Turn) -> list[Message]:
    """The turn's messages from its question on as they were when it ended: unrated, and without later versions.

    The question of an answer that was made again lies far before it. Raises TurnNotFoundError where they are purged.
    """
    asked, final = turn.message_ids[0], turn.message_ids[-1]
    back = Message.among(user_id, session_id, last=final, newest_first=True, page=PAGE)
    own = [*takewhile(lambda one: one.turn_id == turn.turn_id and one.message_id >= asked, back)][::-1]
    if own and own[0].message_id != asked and (question := Message.find(user_id, session_id, asked)):
        own = [question, *own]
    if [one.message_id for one in (*own[:1], *own[-1:])] != [asked, final]:
        raise TurnNotFoundError
    parts.join(own)
    branches.stored(user_id, session_id).mark(own)
    for message in own:
        message.rating, message.siblings = None, [one for one in message.siblings if one <= final]
    return own


def _answer(turn: Turn, own: list[Message]) -> Answer:
    said = tuple(one for one in own if one.role == Role.ASSISTANT)
    question = own[0] if turn.message_ids[1:] else None
    return Answer(turn, question, own[-1], said, repeated=True)


def problem(turn: Turn) -> dict[str, object]:
    """The problem with which a turn ended that has no messages."""
    if turn.status == TurnStatus.ROLLED_BACK:
        return TurnRolledBackError(turn.turn_id).as_problem()
    return turn.error or TurnLostError().as_problem()
