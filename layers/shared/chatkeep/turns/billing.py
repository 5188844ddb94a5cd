"""Bills: the usage of turns that leave no answer."""

from contextlib import suppress

from pynamodb.expressions.condition import Condition

from chatkeep import ids
from chatkeep.clock import now
from chatkeep.dynamodb.errors import STORAGE_ERRORS
from chatkeep.dynamodb.transaction import Transaction
from chatkeep.errors import (
    BROKE,
    NOT_STORED,
    ChatkeepError,
    IdempotencyKeyReusedError,
    LaterFormatError,
    SessionNotFoundError,
    StorageUnavailableError,
    TurnTimedOutError,
)
from chatkeep.models.session import Session
from chatkeep.models.totals import Totals
from chatkeep.models.turn import Turn, TurnStatus
from chatkeep.telemetry import logger
from chatkeep.turns import lease, repetition
from chatkeep.turns.attempt import Attempt
from chatkeep.turns.commit import TurnRecordedError
from chatkeep.usage import counters

ANOTHERS = (TurnRecordedError, IdempotencyKeyReusedError, LaterFormatError)
"""Errors of an attempt that has found another's record under its turn's id."""


class _ErasedError(Exception):
    """The session's user is erased, or was."""


def bill(session: Session, turn: Turn) -> None:
    """Record the usage of a turn that leaves nothing else, whoever holds the lease by now, under an id of its own.

    It counts in the user's day, unless the user is erased, and while the session exists in the session and the user's
    totals.
    """
    at = now()
    # Another session may have the same id by now, where its client chose it.
    same: Condition = (Session.created_at == session.created_at) & Session.deletion_id.does_not_exist()
    try:
        with Transaction() as transaction:
            transaction.put(turn, condition=Turn.sk.does_not_exist())
            transaction.change(
                session,
                *counters.session_additions(turn),
                condition=same,
                otherwise=SessionNotFoundError(),
            )
            counters.add_to_totals(transaction, session.user_id, turn)
            counters.add_to_day(transaction, session.user_id, turn, at)
    except SessionNotFoundError:  # purged meanwhile
        bill_day(session, turn)


def bill_day(session: Session, turn: Turn, *, is_new: bool = True) -> None:
    """Record the usage of a session that is purged: in its user's day alone, unless the user is erased, or was."""
    same_user: Condition = Totals.erasure_id.does_not_exist() & (Totals.created_at <= session.created_at)
    with suppress(_ErasedError), Transaction() as transaction:
        transaction.check(Totals, Totals.KEY.of(session.user_id), same_user, _ErasedError())
        counters.add_to_day(transaction, session.user_id, turn, now(), is_new=is_new)


def end(attempt: Attempt, error: Exception, *, even_if_unused: bool) -> bool:
    """End the lease of a turn that failed with `error`, in one transaction with its record, and say whether that is
    done.

    It is recorded under the turn's own id where it has used something, and `even_if_unused` where it has not, so that
    whoever asks for the turn finds it, and a repetition of the request adds to it.
    """
    if isinstance(error, ANOTHERS) or not (even_if_unused or attempt.used()):
        return False
    turn = _failed(attempt, error)
    session = attempt.session
    whole, unrecorded = repetition.of_attempts(attempt.failed, turn), repetition.as_before(attempt.failed)
    try:
        with Transaction() as transaction:
            transaction.put(whole, condition=unrecorded, otherwise=TurnRecordedError())
            transaction.change(
                session,
                *lease.giving_up(),
                *counters.session_additions(turn),
                condition=lease.held(session),
                otherwise=TurnRecordedError(),
            )
            for write in attempt.closing([]):
                transaction.add(write, otherwise=TurnRecordedError())
            counters.add_to_totals(transaction, session.user_id, turn)
            counters.add_to_day(transaction, session.user_id, turn, now(), is_new=attempt.failed is None)
    except TurnRecordedError:
        return False
    except STORAGE_ERRORS:
        logger.warning("a failed turn is perhaps not recorded under its id", exc_info=True)
        return False
    if attempt.used():
        attempt.run.tools.meter(turn)
    return True


def _failed(attempt: Attempt, error: Exception) -> Turn:
    """The record of an attempt that ended with `error`."""
    if attempt.rolled_back:
        return attempt.record(TurnStatus.ROLLED_BACK)
    turn = attempt.record(TurnStatus.TIMED_OUT if isinstance(error, TurnTimedOutError) else TurnStatus.FAILED)
    turn.error = problem_of(error).as_problem()
    turn.attempts = 1
    return turn


def problem_of(error: Exception) -> ChatkeepError:
    """The problem that a turn is recorded with which raised `error`."""
    if isinstance(error, ChatkeepError):
        return error
    return StorageUnavailableError(NOT_STORED) if isinstance(error, STORAGE_ERRORS) else ChatkeepError(BROKE)


def settle(attempt: Attempt, *, is_recorded: bool = False) -> None:
    """Tell of the usage of a turn without an answer, and bill it unless it is recorded; where the storage does not
    answer, log it.

    The bill has an id of its own: the turn's is, or may be, another attempt's.
    """
    if attempt.used():
        turn = attempt.record(TurnStatus.FAILED, ids.new())
        attempt.run.tools.meter(turn)
        if is_recorded:
            return
        try:
            bill(attempt.session, turn)
        except STORAGE_ERRORS:
            log(attempt)


def log(attempt: Attempt) -> None:
    """Leave the operator a line on the usage that may be missing from the counters."""
    if attempt.used():
        turn = attempt.record(TurnStatus.FAILED)
        names = ("turn_id", "input_tokens", "output_tokens", "cost", "calls")
        about = {"session_id": attempt.session.session_id, **{name: getattr(turn, name) for name in names}}
        logger.error("usage may not be recorded", exc_info=True, extra=about)
