"""The question of a running turn, for whoever opens the conversation before it is stored with its answer."""

from chatkeep.models.event_batch import EventBatch
from chatkeep.models.keys import LAST
from chatkeep.models.message import Message, Role
from chatkeep.models.session import Session
from chatkeep.streams import batches
from chatkeep.streams.event import Name
from chatkeep.turns import lease


def of(session: Session) -> Message | None:
    """The question of the turn that runs on the session, once its first events are stored: about a second after its
    start. Costs a Query where a turn runs.
    """
    turn_id = lease.running_turn(session)
    if turn_id is None:
        return None
    partition = (session.user_id, session.session_id)
    items = EventBatch.among(*partition, first=f"{turn_id}#", last=f"{turn_id}#{LAST}", page=2)
    pieces = next(batches.read(items), [])
    first = next(batches.unpacked(1, (one.data for one in pieces)), None) if pieces else None
    if first is None or first.name is not Name.TURN:
        return None
    told = first.data["user_message"]
    question = Message(*partition, told["message_id"], role=Role.USER, client_id=pieces[0].client_id)
    question.turn_id, question.content, question.created_at = told["turn_id"], told["content"], told["created_at"]
    return question
