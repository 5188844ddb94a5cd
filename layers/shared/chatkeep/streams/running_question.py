"""The question of a running turn, for whoever opens the conversation before it is stored with its answer."""

import time

from chatkeep.models.event_batch import EventBatch
from chatkeep.models.message import Message, Role
from chatkeep.models.session import Session
from chatkeep.retrying import looks
from chatkeep.streams import batches
from chatkeep.streams.event import Name, before_list
from chatkeep.turns import lease

FIRST_SECONDS = 3.0
"""Of a turn, within which its first events are stored: a batch of them is put off for one second."""
BETWEEN_SECONDS = 0.5


def of(session: Session) -> Message | None:
    """The question of the turn that runs on the session; None where no events of it are kept.

    Waits for the first events of a turn that has just begun. Costs a Query or two where a turn runs, and more of them
    then.
    """
    turn_id = lease.running_turn(session)
    if turn_id is None:
        return None
    until = time.monotonic() + FIRST_SECONDS - lease.short_age(session)
    found = (_stored(session, turn_id) for _ in looks(BETWEEN_SECONDS, until))
    return next((question for question in found if question), None)


def _stored(session: Session, turn_id: str) -> Message | None:
    partition = (session.user_id, session.session_id)
    pieces = _first_batch(session, turn_id)
    first = next(batches.unpacked(1, (one.data for one in pieces)), None) if pieces else None
    if first is None or first.name is not Name.TURN:
        return None
    told = first.data["user_message"]
    if told is None:  # the turn only summarises
        return None
    question = Message(*partition, told["message_id"], role=Role.USER, client_id=pieces[0].client_id)
    question.turn_id, question.content, question.created_at = told["turn_id"], told["content"], told["created_at"]
    return question


def _first_batch(session: Session, turn_id: str) -> list[EventBatch]:
    """The first batch of the list that the lease's holder makes.

    Attempts that failed before have left theirs, with a question of an earlier time. A turn that nobody can repeat has
    one list, without the lease's fence in its numbers.
    """
    for first, last in ((before_list(int(session.lease_fence)) + 1, None), (1, 1)):
        items = EventBatch.of_turn(session.user_id, session.session_id, turn_id, first=first, last=last, page=2)
        if pieces := next(batches.read(items), []):
            return pieces
    return []
