"""Usage that an agent elsewhere reports."""

from dataclasses import dataclass

from chatkeep import ids, money
from chatkeep.clock import now, stamp
from chatkeep.dynamodb.transaction import Transaction
from chatkeep.errors import SessionDeletedError
from chatkeep.idempotency import Claim
from chatkeep.models.session import Session
from chatkeep.models.turn import Turn, TurnStatus
from chatkeep.sessions.activity import MovedError, touch, unmoved, until_unmoved
from chatkeep.usage import counters


@dataclass(frozen=True)
class Report:
    """Messages, tokens and US dollars."""

    messages: int = 0
    tokens: int = 0
    dollars: float = 0


class _RecordedError(Exception):
    """The turn is recorded."""


def record(user_id: str, session_id: str, report: Report, claim: Claim | None) -> Turn:
    """Add the usage to the session, its user and the day, exactly once for each `claim`, and return its record.

    Tokens count as input, for they are not told apart. Raises SessionNotFoundError, SessionDeletedError,
    SessionChangedError, IdempotencyKeyReusedError.
    """
    turn_id = claim.id if claim else ids.new()
    try:
        return until_unmoved(user_id, session_id, lambda session, at: _record(session, at, turn_id, report, claim))
    except (_RecordedError, SessionDeletedError):
        # Recorded by a repetition, by this request where the answer to it was lost, or before the session was deleted.
        recorded = _recorded(user_id, session_id, turn_id, claim)
        if recorded is None:
            raise
        return recorded


def _recorded(user_id: str, session_id: str, turn_id: str, claim: Claim | None) -> Turn | None:
    turn = Turn.find(user_id, session_id, turn_id)
    if turn and claim:
        claim.check(turn.fingerprint)
    return turn


def _record(session: Session, at: str, turn_id: str, report: Report, claim: Claim | None) -> Turn:
    instant, (moves, not_later) = now(), touch(session, at)
    turn = Turn(
        session.user_id,
        session.session_id,
        turn_id,
        status=TurnStatus.REPORTED,
        created_at=stamp(instant),
        fingerprint=claim.fingerprint if claim else None,
        messages=report.messages,
        input_tokens=report.tokens,
        cost=money.micro_dollars(report.dollars),
    )
    with Transaction() as transaction:
        transaction.put(turn, condition=Turn.sk.does_not_exist(), otherwise=_RecordedError())
        transaction.change(
            session,
            *moves,
            *counters.session_additions(turn),
            condition=unmoved(session) & not_later,
            otherwise=MovedError(),
        )
        counters.add_to_totals(transaction, session.user_id, turn)
        counters.add_to_day(transaction, session.user_id, turn, instant)
    return turn
