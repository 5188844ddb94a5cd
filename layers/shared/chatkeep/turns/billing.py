"""Bills: the usage of turns that leave nothing else."""

from contextlib import suppress

from pynamodb.expressions.condition import Condition

from chatkeep import ids
from chatkeep.clock import now
from chatkeep.dynamodb.errors import STORAGE_ERRORS
from chatkeep.dynamodb.transaction import Transaction
from chatkeep.errors import SessionNotFoundError
from chatkeep.models.session import Session
from chatkeep.models.totals import Totals
from chatkeep.models.turn import Turn, TurnStatus
from chatkeep.telemetry import logger
from chatkeep.turns.attempt import Attempt
from chatkeep.usage import counters


class _ErasedError(Exception):
    """The session's user is erased, or was."""


def bill(session: Session, turn: Turn) -> None:
    """Record the usage of a turn that leaves nothing else, whoever holds the lease by now.

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
        same_user: Condition = Totals.erasure_id.does_not_exist() & (Totals.created_at <= session.created_at)
        with suppress(_ErasedError), Transaction() as transaction:
            transaction.check(Totals, Totals.KEY.of(session.user_id), same_user, _ErasedError())
            counters.add_to_day(transaction, session.user_id, turn, at)


def settle(attempt: Attempt) -> None:
    """Bill the usage of a turn that is not recorded; where the storage does not answer, log it.

    The bill has an id of its own, so that the same request may try again.
    """
    if attempt.used():
        turn = attempt.record(TurnStatus.FAILED, ids.new())
        attempt.run.tools.meter(turn)
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
