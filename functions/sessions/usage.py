"""Usage that an agent elsewhere reports."""

from chatkeep import counters, ids, money
from chatkeep.clock import now, stamp
from chatkeep.dynamodb.transaction import Transaction
from chatkeep.errors import SessionDeletedError
from chatkeep.http.caller import Claim
from chatkeep.models.session import Session
from chatkeep.models.turn import Turn, TurnStatus
from chatkeep.sessions.activity import MovedError, touch, unmoved, until_unmoved
from functions.sessions.schemas import NewUsage, UsageRecordView


class _RecordedError(Exception):
    """The turn is recorded."""


def report(user_id: str, session_id: str, usage: NewUsage, claim: Claim | None) -> UsageRecordView:
    """Add the usage to the session, its user and the day, exactly once for each `claim`.

    Tokens that are not told apart count as input. Raises SessionNotFoundError, SessionDeletedError,
    SessionChangedError, IdempotencyKeyReusedError.
    """
    turn_id = claim.id if claim else ids.new()
    try:
        turn = until_unmoved(user_id, session_id, lambda session, at: _record(session, at, turn_id, usage, claim))
    except (_RecordedError, SessionDeletedError):
        # Recorded by a repetition, by this request where the answer to it was lost, or before the session was deleted.
        recorded = _recorded(user_id, session_id, turn_id, claim)
        if recorded is None:
            raise
        turn = recorded
    return UsageRecordView(
        turn_id=turn.turn_id,
        message_count=int(turn.messages),
        tokens_used=int(turn.input_tokens),
        cost=money.dollars(int(turn.cost)),
    )


def _recorded(user_id: str, session_id: str, turn_id: str, claim: Claim | None) -> Turn | None:
    key = Turn(user_id, session_id, turn_id)
    try:
        turn = Turn.get(key.pk, key.sk, consistent_read=True)
    except Turn.DoesNotExist:
        return None
    if claim:
        claim.check(turn.fingerprint)
    return turn


def _record(session: Session, at: str, turn_id: str, usage: NewUsage, claim: Claim | None) -> Turn:
    instant, (moves, not_later) = now(), touch(session, at)
    turn = Turn(
        session.user_id,
        session.session_id,
        turn_id,
        status=TurnStatus.REPORTED,
        created_at=stamp(instant),
        fingerprint=claim.fingerprint if claim else None,
        messages=usage.message_count,
        input_tokens=usage.tokens_used,
        cost=money.micro_dollars(usage.cost),
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
