"""The chats of front ends: the sessions behind their ids, and the answers that are to be made again."""

from chatkeep import ids
from chatkeep.errors import IdempotencyKeyReusedError, SessionNotFoundError
from chatkeep.formats import UUID_SHAPED
from chatkeep.messages import parts
from chatkeep.models.message import Message, Role
from chatkeep.models.session import Session
from chatkeep.models.turn import Turn
from chatkeep.sessions import creating
from chatkeep.sessions.preferences import starting
from chatkeep.telemetry import metrics
from functions.stream.settings import settings
from functions.stream.wanted import Question, Wanted

OF_THREADS = "ag-ui:"
"""Begins the ids of sessions whose AG-UI client has made up a UUID for its thread, as most do."""


def create(user_id: str, chat_id: str) -> None:
    """Create the session of a chat, with the user's preferences, unless it is there.

    Raises SessionNotFoundError for a UUID, which only Chatkeep gives to a session; and SessionDeletedError,
    UserBeingErasedError.
    """
    if UUID_SHAPED.fullmatch(chat_id):
        raise SessionNotFoundError()
    chosen, are_preferred = starting(user_id, settings())
    _, is_new = creating.create(user_id, chosen, None, chat_id, are_preferred)
    if is_new:
        metrics.add_metric(name="SessionsCreated", unit="Count", value=1)


def of_thread(user_id: str, thread_id: str) -> tuple[str, Session | None]:
    """The id of the session of an AG-UI thread, as its client knows it, and its header where there is one."""
    session = Session.find(user_id, ids.of_session(user_id, thread_id))
    if session is None and UUID_SHAPED.fullmatch(thread_id):
        thread_id = f"{OF_THREADS}{thread_id}"
        session = Session.find(user_id, ids.of_session(user_id, thread_id))
    return thread_id, session


def answer_to(user_id: str, session_id: str, wanted: Wanted) -> str | None:
    """The answer that is to be made again, or None where the question has none: it failed, or never arrived.

    Raises IdempotencyKeyReusedError where the question has other words by now, which the answer would not be to.
    """
    turn = _turn(user_id, session_id, wanted.questions[-1])
    if wanted.answer_id and (found := _message(user_id, session_id, wanted.answer_id)) and found.role == Role.ASSISTANT:
        return found.message_id
    return str(turn.message_ids[-1]) if turn and turn.message_ids else None


def _turn(user_id: str, session_id: str, question: Question) -> Turn | None:
    """The first turn that answered the question, which the client knows by its own id or by the stored one."""
    claim = question.claim(user_id, session_id)
    if turn := Turn.find(user_id, session_id, claim.id):
        claim.check(turn.fingerprint)
        return turn
    asked = _message(user_id, session_id, question.id)
    if asked is None:
        return None
    parts.join([asked])
    if asked.content != question.text:
        raise IdempotencyKeyReusedError(question.id_field)
    return Turn.find(user_id, session_id, asked.turn_id)


def _message(user_id: str, session_id: str, message_id: str) -> Message | None:
    return Message.find(user_id, session_id, message_id) if ids.is_id(message_id) else None
