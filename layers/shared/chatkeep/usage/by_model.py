"""A turn's usage model by model, and how much of that a day has room for."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import reduce
from operator import and_
from typing import Any

from pynamodb.expressions.condition import Condition, size
from pynamodb.expressions.update import Action

from chatkeep.dynamodb.transaction import Transaction
from chatkeep.models.day import LONGEST_NAME, MOST_MODELS, Day, ModelUsage, additions
from chatkeep.turns.model_calls import is_known

Shares = Mapping[str, ModelUsage]
"""Usage by the names of models."""


def shares(calls: Iterable[Mapping[str, Any]]) -> Shares:
    """The usage of each model in the entries of a turn's record, the costliest first.

    A model is known by the name that it was asked for by, which is a session's: a provider that answers with a version
    of its own does not make it another one.
    """
    found: dict[str, ModelUsage] = {}
    for call in calls:
        name = _name(call)
        found[name] = _plus(found.get(name, ModelUsage()), call)
    named = {name: used for name, used in found.items() if len(name.encode()) <= LONGEST_NAME}
    return dict(sorted(named.items(), key=lambda one: costliest_first(one[1])))


def costliest_first(used: ModelUsage) -> tuple[int, int]:
    """Sorts by cost, then by tokens."""
    return -(used.cost or 0), -(used.input_tokens + used.output_tokens)


def count(calls: Iterable[Mapping[str, Any]]) -> int:
    """How many calls these entries are."""
    return sum(int(call.get("calls", 1)) for call in calls)


def change(transaction: Transaction, day: Day, sums: list[Action], used: Shares) -> None:
    """Have the day add to its sums, and to the counters of the models that were used.

    Where it has no room for all of these, the transaction is sent a second time; the others then count in the sums
    alone.
    """

    def with_what_fits() -> list[Action]:
        return [*sums, *additions(_fitting(used, Day.find(day.user_id, day.date)))]

    if not used:
        transaction.change(day, *sums)
    elif len(used) > MOST_MODELS:
        transaction.change(day, *with_what_fits())
    else:
        transaction.change(day, *sums, *additions(used), condition=_has_room(used), instead=with_what_fits)


def _has_room(used: Shares) -> Condition:
    """The day names these models, or has room for as many new ones."""
    known = reduce(and_, (Day.models.contains(name) for name in used))
    room: Condition = Day.models.does_not_exist() | (size(Day.models) <= MOST_MODELS - len(used)) | known
    return room


def _fitting(used: Shares, stored: Day | None) -> Shares:
    """Those that the day has room for: the ones it names, then the costliest."""
    known = (stored and stored.models) or set()
    new = [name for name in used if name not in known][: max(MOST_MODELS - len(known), 0)]
    return {name: used[name] for name in used if name in known or name in new}


def _name(call: Mapping[str, Any]) -> str:
    asked = str(call.get("asked") or call["model_name"])
    return asked if is_known(asked) else str(call["model_name"])


def _plus(used: ModelUsage, call: Mapping[str, Any]) -> ModelUsage:
    priced = [one for one in (used.cost, call["cost"]) if one is not None]
    return replace(
        used,
        calls=used.calls + count([call]),
        input_tokens=used.input_tokens + call["input_tokens"],
        output_tokens=used.output_tokens + call["output_tokens"],
        cost=sum(priced) if priced else None,
    )
