"""Making an answer again: the question that it answers, and the checkpoint before that question's turn."""

from dataclasses import dataclass
from itertools import takewhile

from chatkeep import messages, sessions
from chatkeep.checkpointer import DynamoDBSaver
from chatkeep.errors import CheckpointGoneError, FieldProblem, InvalidFieldError, MessageNotFoundError
from chatkeep.messages import branches, parts
from chatkeep.messages.branches import Branches
from chatkeep.models.message import Message, Role
from chatkeep.models.session import Session
from chatkeep.models.turn import Turn

FIELD = "regenerate"
PAGE = 4
"""The question, and more than it in the rare turn that opened with answers to calls."""


@dataclass(frozen=True)
class Again:
    """`opening_ids` are those of the first messages of the question's turn, the question's own the last of them.

    `former` is the first message of an answer to the question, and `started_from` the thread's checkpoint before that
    turn; "" where the thread was empty.
    """

    question: Message
    opening_ids: list[str]
    former: str
    started_from: str

    def check(self, session: Session) -> Branches:
        """The branches of the session now. Raises MessageNotActiveError, TooManyVersionsError where no other version
        can be made."""
        known = branches.of(session)
        branches.check_room(known, self.question.message_id)
        return known


def find(user_id: str, session_id: str, message_id: str, saver: DynamoDBSaver) -> Again:
    """All that it takes to make the answer `message_id` again.

    A turn's calls of tools stand for its answer. Raises SessionNotFoundError, MessageNotFoundError, InvalidFieldError
    where the message is no answer, CheckpointGoneError, MessageNotActiveError, TooManyVersionsError.
    """
    session = sessions.header(user_id, session_id)
    if session.last_message_id is None or message_id > session.last_message_id:
        raise MessageNotFoundError(message_id)
    answer = messages.get(user_id, session_id, message_id)
    if answer.role != Role.ASSISTANT:
        raise InvalidFieldError(FieldProblem(FIELD, "is not the id of an answer"))
    turn = Turn.find(user_id, session_id, answer.turn_id)
    if turn is not None and turn.message_ids == [message_id]:
        raise InvalidFieldError(FieldProblem(FIELD, "is not the id of an answer but of a summary"))
    if turn is None or turn.checkpoint_id is None:
        raise CheckpointGoneError("the answer's turn does not say which checkpoint it started from")
    again = _asked(session, turn)
    again.check(session)
    if again.started_from and not saver.holds(session_id, again.started_from):
        raise CheckpointGoneError(f"checkpoint {again.started_from}, from which the answer's turn started, was removed")
    return again


def _asked(session: Session, turn: Turn) -> Again:
    question_id = turn.message_ids[0]
    found = [*Message.among(session.user_id, session.session_id, first=question_id, limit=2)]
    if [one.message_id for one in found[:-1]] != [question_id]:  # the session is being purged
        raise MessageNotFoundError(question_id)
    question, former = found
    parts.join([question])
    back = Message.among(session.user_id, session.session_id, last=question_id, newest_first=True, page=PAGE)
    opening = [one.message_id for one in takewhile(lambda one: one.turn_id == question.turn_id, back)]
    return Again(question, opening[::-1], former.message_id, turn.started_from or "")
