"""Feedback: a state of an answer. The counters of its session and its user move by the difference."""

from dataclasses import dataclass

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
from chatkeep.models.totals import Totals
from chatkeep.sessions.activity import MovedError, until_unmoved

Counters = dict[Rating, Attribute[float]]
OF_SESSION: Counters = {Rating.THUMBS_UP: Session.thumbs_up, Rating.THUMBS_DOWN: Session.thumbs_down}
OF_USER: Counters = {Rating.THUMBS_UP: Totals.thumbs_up, Rating.THUMBS_DOWN: Totals.thumbs_down}


@dataclass(frozen=True)
class Feedback:
    """A rating, and why: in the user's own words, and in one of the client's."""

    rating: Rating
    comment: str | None = None
    reason: str | None = None


def put(user_id: str, session_id: str, message_id: str, given: Feedback | None) -> Message:
    """Set the feedback on an answer, or clear it with None; saying the same twice counts once.

    Raises SessionNotFoundError, SessionDeletedError, MessageNotFoundError, and InvalidFieldError where the
    message is no answer.
    """

    def change(session: Session, _: str) -> Message:
        message = messages.get(user_id, session_id, message_id)
        if message.role != Role.ASSISTANT:
            raise InvalidFieldError(FieldProblem("message_id", "only an answer can be rated"))
        _store(session, message, given)
        message = messages.get(user_id, session_id, message_id)
        branches.of(session).mark([message])
        return message

    return until_unmoved(user_id, session_id, change)


def _store(session: Session, message: Message, given: Feedback | None) -> None:
    rating = given.rating if given else None
    before = None if message.rating is None else Rating(message.rating)
    unchanged: Condition = (
        Message.rating.does_not_exist() if before is None else Message.rating == before
    ) & Message.sk.exists()
    with Transaction() as transaction:
        transaction.change(message, *_assignments(given), condition=unchanged, otherwise=MovedError())
        present = Session.sk.exists() & Session.deleted_at.does_not_exist()
        if rating is before:
            transaction.check(Session, (session.pk, session.sk), present, MovedError())
            return
        transaction.change(session, *_moves(OF_SESSION, before, rating), condition=present, otherwise=MovedError())
        transaction.change(Totals(session.user_id), *_moves(OF_USER, before, rating))


def _moves(counters: Counters, before: Rating | None, after: Rating | None) -> list[Action]:
    return [*([counters[before].add(-1)] if before else []), *([counters[after].add(1)] if after else [])]


def _assignments(given: Feedback | None) -> list[Action]:
    if given is None:
        return [one.remove() for one in (Message.rating, Message.comment, Message.reason, Message.rated_at)]
    words = ((Message.comment, given.comment), (Message.reason, given.reason))
    return [
        Message.rating.set(given.rating),
        Message.rated_at.set(stamp(now())),
        *(attribute.remove() if text is None else attribute.set(text) for attribute, text in words),
    ]
