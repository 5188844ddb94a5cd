"""The calls of a turn as its record has them: one by one, or added up where there are too many for an item."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Any

from chatkeep.turns.calls import UNKNOWN, ModelCall

MOST = 200
"""Entries of a record, of some 600 bytes at the most."""


def summed(calls: Sequence[ModelCall]) -> list[dict[str, Any]]:
    """Of more than `MOST` calls, those alike in kind, models and what is known of them as one entry, which says how
    many they are; and where even that is too much, whatever the models are called."""
    if len(calls) <= MOST:
        return [call.as_json() for call in calls]
    groups = _grouped(calls, lambda call: call)
    if len(groups) > MOST:
        nameless = f"{UNKNOWN}:{UNKNOWN}"
        groups = _grouped(calls, lambda call: replace(call, model_name=nameless, asked=nameless))
    return [{**_sum(group).as_json(), "calls": len(group)} for group in groups]


def _grouped(calls: Iterable[ModelCall], shown: Callable[[ModelCall], ModelCall]) -> list[list[ModelCall]]:
    groups: dict[tuple[object, ...], list[ModelCall]] = {}
    for call in map(shown, calls):
        alike = (call.kind, call.model_name, call.asked, call.estimated, call.cost is None)
        groups.setdefault(alike, []).append(call)
    return list(groups.values())


def _sum(calls: Sequence[ModelCall]) -> ModelCall:
    return replace(
        calls[0],
        input_tokens=sum(one.input_tokens for one in calls),
        output_tokens=sum(one.output_tokens for one in calls),
        cache_read_tokens=sum(one.cache_read_tokens for one in calls),
        cache_write_tokens=sum(one.cache_write_tokens for one in calls),
        cache_write_1h_tokens=sum(one.cache_write_1h_tokens for one in calls),
        reasoning_tokens=sum(one.reasoning_tokens for one in calls),
        cost=None if calls[0].cost is None else sum(one.cost or 0 for one in calls),
    )
