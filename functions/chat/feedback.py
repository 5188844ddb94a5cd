"""Feedback: a state of an answer. The session's counters move by the difference."""

from pynamodb.attributes import Attribute
from pynamodb.expressions.condition import Condition
from pynamodb.expressions.update import Action

from chatkeep import messages
from chatkeep.clock import now, stamp
from chatkeep.dynamodb.transaction import Transaction
from chatkeep.errors import FieldProblem, InvalidFieldError
from chatkeep.messages import branches
from chatkeep.models.message import Message, Rating, Role
from chatkeep.models.session import Session
from chatkeep.sessions.activity import MovedError, until_unmoved

COUNTERS: dict[Rating, Attribute[float]] = {
    Rating.THUMBS_UP: Session.thumbs_up,
    Rating.THUMBS_DOWN: Session.thumbs_down,
}


def put(user_id: str, session_id: str, message_id: str, rating: Rating | None, comment: str | None) -> Message:
    """Set the feedback on an answer, or clear it with None; saying the same twice counts once.

    Raises SessionNotFoundError, SessionDeletedError, MessageNotFoundError, and InvalidFieldError where the
    message is no answer.
    """

    def change(session: Session, _: str) -> Message:
        message = messages.get(user_id, session_id, message_id)
        if message.role != Role.ASSISTANT:
            raise InvalidFieldError(FieldProblem("message_id", "only an answer can be rated"))
        _store(session, message, rating, comment)
        message = messages.get(user_id, session_id, message_id)
        branches.of(session).mark([message])
        return message

    return until_unmoved(user_id, session_id, change)


def _store(session: Session, message: Message, rating: Rating | None, comment: str | None) -> None:
    before = None if message.rating is None else Rating(message.rating)
    unchanged: Condition = (
        Message.rating.does_not_exist() if before is None else Message.rating == before
    ) & Message.sk.exists()
    moves: list[Action] = []
    if rating is not before:
        moves += [COUNTERS[before].add(-1)] if before else []
        moves += [COUNTERS[rating].add(1)] if rating else []
    with Transaction() as transaction:
        transaction.change(message, *_assignments(rating, comment), condition=unchanged, otherwise=MovedError())
        present = Session.sk.exists() & Session.deleted_at.does_not_exist()
        if moves:
            transaction.change(session, *moves, condition=present, otherwise=MovedError())
        else:
            transaction.check(Session, (session.pk, session.sk), present, MovedError())


def _assignments(rating: Rating | None, comment: str | None) -> list[Action]:
    if rating is None:
        return [Message.rating.remove(), Message.comment.remove(), Message.rated_at.remove()]
    commented = Message.comment.remove() if comment is None else Message.comment.set(comment)
    return [Message.rating.set(rating), Message.rated_at.set(stamp(now())), commented]
