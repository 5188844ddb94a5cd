"""A session's turns as they are shown: those that have a record, run, wait, or died while they were streamed.

What has a record is read from there. The session's header tells of the turn that runs and of those that wait, as the
jobs of background turns do, and stored events tell of one that died: they are there without a record, and nobody runs
the turn.
"""

from collections.abc import Iterable
from datetime import UTC, datetime

from chatkeep import ids, sessions
from chatkeep.clock import milliseconds, now, stamp
from chatkeep.dynamodb.connection import fetch
from chatkeep.errors import TurnLostError, TurnNotFoundError
from chatkeep.models.background import BackgroundTurn
from chatkeep.models.event_batch import EventBatch
from chatkeep.models.keys import LAST
from chatkeep.models.session import Session
from chatkeep.models.turn import Turn, TurnStatus
from chatkeep.streams.copy import KEPT_SECONDS
from chatkeep.turns import lease, queue, repetition

Place = tuple[str, str]
"""Where a turn stands in the list: when it was begun, `LAST` while it has no record; and its id."""


def page(session: Session, limit: int, after: Place | None) -> tuple[list[tuple[Place, Turn]], bool]:
    """Up to `limit` turns that come after a place, newest first, with theirs, and whether there are more.

    Ids do not tell when a turn was begun. So the times of all records are read: one read unit for each 4 KB of them,
    which is about 15 for 100 turns.
    """
    pending = _pending(session)
    times = {**_times(session), **dict.fromkeys(pending, LAST)}
    lost = _lost(session, times)
    times |= {name: turn.created_at for name, turn in lost.items()}
    places = sorted(((at, name) for name, at in times.items()), reverse=True)
    wanted = [place for place in places if after is None or place < after][: limit + 1]
    unfinished = lost | pending
    found = _records(session, [name for _, name in wanted[:limit]])
    turns = {name: _present(found.get(name), unfinished.get(name)) for _, name in wanted[:limit]}
    shown = [(place, turn) for place in wanted[:limit] if (turn := turns[place[1]]) is not None]
    return shown, len(wanted) > limit


def one(user_id: str, session_id: str, turn_id: str) -> Turn:
    """Raises SessionNotFoundError, TurnNotFoundError."""
    session = sessions.header(user_id, session_id)
    if not ids.is_id(turn_id):  # it may be longer than a key
        raise TurnNotFoundError
    pending = _pending(session, turn_id).get(turn_id)  # what has ended by now has a record by now
    turn = _present(Turn.find(user_id, session_id, turn_id), pending)
    if turn is None:
        turn = _lost(session, (), turn_id).get(turn_id)
    if turn is None:
        raise TurnNotFoundError
    return turn


def _present(record: Turn | None, unfinished: Turn | None) -> Turn | None:
    """The turn by its record, unless that is one of failed attempts and the turn runs or waits again."""
    if record is None or unfinished is None or not record.may_run_again:
        return record or unfinished
    record.status, record.error = unfinished.status, None
    record.attempts = repetition.counted(record) + unfinished.attempts
    return record


def _pending(session: Session, turn_id: str = "") -> dict[str, Turn]:
    """The turn that runs, and those that wait for it; of background turns that one alone where it is named."""
    begun = dict.fromkeys((one.turn_id for one in queue.tickets(session) if one.expires_at > milliseconds(now())), 0)
    begun |= {job.turn_id: int(job.attempts) for job in _jobs(session, turn_id)}
    pending = {name: _unrecorded(session, name, TurnStatus.QUEUED, times) for name, times in begun.items()}
    if running := lease.running_turn(session):
        pending[running] = _unrecorded(session, running, TurnStatus.RUNNING, max(1, begun.get(running, 1)))
    return pending


def _jobs(session: Session, turn_id: str) -> Iterable[BackgroundTurn]:
    """The background turns that have not ended, or that one, without their questions."""
    partition = BackgroundTurn.KEY.partition.of(user_id=session.user_id, session_id=session.session_id)
    within = BackgroundTurn.sk.startswith(BackgroundTurn.KEY.sort.prefix + turn_id)
    return BackgroundTurn.query(partition, within, consistent_read=True, attributes_to_get=["pk", "sk", "attempts"])


def _unrecorded(session: Session, turn_id: str, status: TurnStatus, attempts: int = 1) -> Turn:
    return Turn(session.user_id, session.session_id, turn_id, status=status, attempts=attempts)


def _times(session: Session) -> dict[str, str]:
    """When each recorded turn was begun, by its id."""
    partition = Turn.KEY.partition.of(user_id=session.user_id, session_id=session.session_id)
    within = Turn.sk.startswith(Turn.KEY.sort.prefix)
    found = Turn.query(partition, within, consistent_read=True, attributes_to_get=["pk", "sk", "created_at"])
    return {one.turn_id: one.created_at for one in found}


def _records(session: Session, turn_ids: Iterable[str]) -> dict[str, Turn]:
    keys = [Turn.KEY.of(session.user_id, session.session_id, one) for one in turn_ids]
    return {one.turn_id: one for one in fetch(Turn, keys)}


def _lost(session: Session, known: Iterable[str], turn_id: str = "") -> dict[str, Turn]:
    """Turns that have events, and neither a record nor anybody who runs them; of that one alone where it is named."""
    told = {name: at for name, at in _told(session, turn_id).items() if name not in known}
    if not told:
        return {}
    # One that has begun since the session was read is running now. What has ended was recorded before it ended.
    pending = _pending(sessions.header(session.user_id, session.session_id), turn_id)
    recorded = _records(session, told)
    problem = TurnLostError().as_problem()
    lost = {name: at for name, at in told.items() if name not in pending and name not in recorded}
    turns = {name: _unrecorded(session, name, TurnStatus.FAILED) for name in lost}
    for name, turn in turns.items():
        turn.error, turn.created_at = problem, lost[name]
    return turns


def _told(session: Session, turn_id: str) -> dict[str, str]:
    """When the first stored event of each turn was stored, which was about a second after it happened."""
    partition = EventBatch.KEY.partition.of(user_id=session.user_id, session_id=session.session_id)
    prefix = EventBatch.KEY.sort.prefix + (f"{turn_id}#" if turn_id else "")
    wanted = ["pk", "sk", "expires_at"]
    limit = 1 if turn_id else None
    told: dict[str, str] = {}
    for batch in EventBatch.query(partition, EventBatch.sk.startswith(prefix), attributes_to_get=wanted, limit=limit):
        at = datetime.fromtimestamp(int(batch.expires_at) - KEPT_SECONDS, UTC)
        if int(batch.expires_at) > now().timestamp():  # DynamoDB may take days to delete it
            told.setdefault(batch.turn_id, stamp(at))
    return told
