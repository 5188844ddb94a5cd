"""The counters that a turn adds to: its session's, its user's totals, its day's. Nothing else changes them."""

from datetime import datetime

from pynamodb.expressions.update import Action

from chatkeep.clock import day
from chatkeep.dynamodb.transaction import Transaction
from chatkeep.models.day import Day
from chatkeep.models.session import Session
from chatkeep.models.totals import Totals
from chatkeep.models.turn import Turn
from chatkeep.usage import by_model


def session_additions(turn: Turn) -> list[Action]:
    """The turn's share of its session's counters."""
    additions: list[Action] = [
        Session.message_count.add(turn.messages),
        Session.total_tokens.add(turn.input_tokens + turn.output_tokens),
        Session.total_cost.add(turn.cost),
    ]
    if turn.response_time_ms is not None:
        additions += [Session.timed_turns.add(1), Session.response_ms.add(turn.response_time_ms)]
    return additions


def add_to_totals(transaction: Transaction, user_id: str, turn: Turn, *besides: Action) -> None:
    """Add the turn to its user's totals, which are over the sessions that exist; `besides` goes to the same item."""
    transaction.change(
        Totals(user_id),
        Totals.total_messages.add(turn.messages),
        Totals.total_tokens.add(turn.input_tokens + turn.output_tokens),
        Totals.total_cost.add(turn.cost),
        *besides,
    )


def add_to_day(transaction: Transaction, user_id: str, turn: Turn, instant: datetime, *, is_new: bool = True) -> None:
    """Add the turn to the user's day of `instant`, which remains when the session is gone.

    One that is not new is a further attempt at a turn that a day has counted already.
    """
    additions: list[Action] = [
        Day.turns.add(int(is_new)),
        Day.messages.add(turn.messages),
        Day.input_tokens.add(turn.input_tokens),
        Day.output_tokens.add(turn.output_tokens),
        Day.cost.add(turn.cost),
    ]
    if turn.response_time_ms is not None:
        additions += [Day.timed_turns.add(1), Day.response_ms.add(turn.response_time_ms)]
    if turn.calls:
        additions.append(Day.calls.add(by_model.count(turn.calls)))
    by_model.change(transaction, Day(user_id, day(instant)), additions, by_model.shares(turn.calls or ()))
