"""The calls in a turn's record: one by one, and added up where they are too many."""

import json
from collections import Counter
from dataclasses import replace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from chatkeep.turns.model_calls import LONGEST_NAME, MOST_ENTRIES, ModelCall, as_entries, joined

names = st.sampled_from(["openai:gpt-4o", "bedrock:claude", "local:tiny"])
counts = st.integers(0, 10_000)
calls = st.builds(
    ModelCall,
    kind=st.sampled_from(["message", "tool"]),
    model_name=names,
    asked=names,
    input_tokens=counts,
    output_tokens=counts,
    cache_read_tokens=counts,
    cache_write_tokens=counts,
    cache_write_1h_tokens=counts,
    reasoning_tokens=counts,
    cost=st.none() | counts,
    estimated=st.booleans(),
)
PARTS = [name for name in ModelCall.__dataclass_fields__ if name.endswith("tokens")] + ["cost"]


@given(st.lists(calls, min_size=1, max_size=20), st.sampled_from([1, MOST_ENTRIES]))
def test_sums_are_those_of_the_calls_by_kind_and_model(some: list[ModelCall], times: int) -> None:
    many = some * times

    def total(name: str) -> Counter[tuple[str, ...]]:
        sums: Counter[tuple[str, ...]] = Counter()
        for one in many:
            sums[one.kind, one.model_name] += getattr(one, name) or 0
        return +sums

    entries = as_entries(many)
    assert len(entries) <= MOST_ENTRIES
    for name in PARTS:
        sums: Counter[tuple[str, ...]] = Counter()
        for entry in entries:
            sums[entry["kind"], entry["model_name"]] += entry.get(name) or 0
        assert +sums == total(name)
    assert sum(entry.get("calls", 1) for entry in entries) == len(many)


@given(st.lists(calls, min_size=1, max_size=20))
def test_what_is_not_known_of_a_call_stays_so_in_a_sum(some: list[ModelCall]) -> None:
    entries = as_entries(some * MOST_ENTRIES)
    assert all(entry["cost"] is not None for entry in entries) == all(one.cost is not None for one in some)
    assert any(entry.get("estimated") for entry in entries) == any(one.estimated for one in some)


def added_up(entries: list[dict[str, Any]]) -> dict[str, Any]:
    """What a record's readers add up, and what is not known of some of the calls."""
    sums: dict[str, Any] = {name: sum(one.get(name) or 0 for one in entries) for name in PARTS}
    sums["calls"] = sum(one.get("calls", 1) for one in entries)
    sums["priced"] = all(one["cost"] is not None for one in entries)
    sums["estimated"] = any(one.get("estimated") for one in entries)
    return sums | {name: {one[name] for one in entries} for name in ("kind", "model_name")}


@given(st.lists(st.tuples(st.lists(calls, max_size=5), st.sampled_from([1, MOST_ENTRIES])), max_size=4))
def test_the_calls_of_all_attempts_are_those_of_each_and_fit_into_a_record(
    attempts: list[tuple[list[ModelCall], int]],
) -> None:
    record: list[dict[str, Any]] = []
    for some, times in attempts:
        record = joined(record, as_entries(some * times))
    assert len(record) <= MOST_ENTRIES
    assert added_up(record) == added_up([entry for some, times in attempts for entry in as_entries(some * times)])


def test_calls_of_a_thousand_models_still_fit_into_a_record() -> None:
    call = ModelCall("message", "", 10**7, 10**7, 10**7, 10**7, 10**7, 10**7, 10**12, True)
    names = [str(number).zfill(LONGEST_NAME) for number in range(1_000)]
    named = [replace(call, model_name=name, asked=name[::-1]) for name in names]
    assert [one["calls"] for one in as_entries(named)] == [1_000]
    assert len(json.dumps(as_entries(named[:MOST_ENTRIES]))) < 200_000
