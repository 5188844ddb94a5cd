"""The end of an attempt at a title: one transaction, exactly once, whatever others do with the session meanwhile."""

from collections.abc import Sequence
from dataclasses import dataclass

from pynamodb.expressions.condition import Condition
from pynamodb.expressions.update import Action

from chatkeep import jobs
from chatkeep.clock import now
from chatkeep.dynamodb.transaction import Transaction, as_read
from chatkeep.errors import ChatkeepError, SessionChangedError
from chatkeep.jobs import ClaimLostError, claimed
from chatkeep.models.details import Details
from chatkeep.models.session import Session
from chatkeep.models.titling import Titling
from chatkeep.models.turn import Turn, TurnStatus
from chatkeep.retrying import attempts
from chatkeep.sessions import placing
from chatkeep.sessions.preferences import TITLE
from chatkeep.turns import billing, record
from chatkeep.turns.model_calls import ModelCall, joined
from chatkeep.usage import counters

ATTEMPTS = 8


class _MovedError(Exception):
    """The session or its first turn is no longer as it was read."""


@dataclass(frozen=True)
class End:
    """What an attempt leaves: a `title`, or the problem after which the job is tried `again`, or neither; and its
    calls. `session` is as the attempt found it."""

    job: Titling
    session: Session
    title: str = ""
    again: ChatkeepError | None = None
    calls: Sequence[ModelCall] = ()

    @property
    def used(self) -> Turn:
        """A record of these calls alone."""
        return record.turn(self.session, self.job.turn_id, TurnStatus.COMPLETED, self.calls, now())


def forget(job: Titling) -> None:
    """Remove the job of a session that is gone. Raises ClaimLostError."""
    with Transaction() as transaction:
        transaction.discard(job, claimed(job), otherwise=ClaimLostError())


def store(end: End) -> bool:
    """Store the end, and say whether the session got the title: not where its user has given it one.

    Calls are recorded whatever has become of session and job. Raises SessionChangedError, and ClaimLostError where
    there are none to record.
    """
    is_ours = True
    for _ in attempts(ATTEMPTS):
        session, turn = _present(end)
        if session is None or turn is None:
            if end.calls:
                billing.bill_day(end.session, end.used, is_new=False)
            return False
        if end.job.due_at in (turn.title_claims or ()):  # by this very attempt, whose answer from the storage was lost
            return bool(end.title)
        try:
            return _store(end, session, turn, is_ours)
        except _MovedError:
            continue
        except ClaimLostError:
            if not end.calls:
                raise
            is_ours = False
    raise SessionChangedError()


def _present(end: End) -> tuple[Session | None, Turn | None]:
    """The session and its first turn as they are now; None where they are purged, or will be."""
    job, session = end.job, Session.find(end.job.user_id, end.job.session_id)
    if session is None or session.deletion_id is not None or session.created_at != end.session.created_at:
        return None, None
    return session, Turn.find(job.user_id, job.session_id, job.turn_id)


def _store(end: End, session: Session, turn: Turn, is_ours: bool) -> bool:
    actions: list[Action] = [Session.wants_title.remove()] if is_ours and not end.again else []
    condition: Condition = (Session.created_at == session.created_at) & Session.deletion_id.does_not_exist()
    # An earlier version of this code changes titles without a word of it in `wants_title`.
    is_named = bool(is_ours and end.title and session.wants_title and session.title in (TITLE, None))
    with Transaction() as transaction:
        if is_named:
            condition &= Session.wants_title.exists() & as_read(Session.title, session.title)
            actions.append(_name(transaction, session, end.title))
        if end.calls:
            actions += counters.session_additions(end.used)
            _record(transaction, turn, end)
        transaction.change(session, *actions, condition=condition, otherwise=_MovedError())
        if is_ours and end.again:
            transaction.change(
                end.job, *jobs.failing(end.job, end.again), condition=claimed(end.job), otherwise=ClaimLostError()
            )
        elif is_ours:
            transaction.discard(end.job, claimed(end.job), otherwise=ClaimLostError())
    return is_named


def _name(transaction: Transaction, session: Session, title: str) -> Action:
    """Give the session its title, which leaves its place in the list where it is: nobody has done anything with it."""
    if placing.apart({"title": title}, placing.room_in(session, ["title"])):
        transaction.change(Details(session.user_id, session.session_id), Details.title.set(title))
        return Session.title.remove()
    return Session.title.set(title)


def _record(transaction: Transaction, turn: Turn, end: End) -> None:
    """Add what was used to the turn's record, its user's totals and the day."""
    used = end.used
    transaction.change(
        turn,
        Turn.calls.set(joined(turn.calls or [], used.calls)),
        Turn.input_tokens.add(used.input_tokens),
        Turn.output_tokens.add(used.output_tokens),
        Turn.cost.add(used.cost),
        Turn.title_claims.add({int(end.job.due_at)}),
        condition=Turn.sk.exists() & as_read(Turn.title_claims, turn.title_claims),
        otherwise=_MovedError(),
    )
    counters.add_to_totals(transaction, turn.user_id, used)
    counters.add_to_day(transaction, turn.user_id, used, now(), is_new=False)
