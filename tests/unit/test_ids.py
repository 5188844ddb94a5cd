"""Ids: unique, in order whatever the clocks say, and the same where they must be."""

import time
import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatkeep import ids

AN_ID = "01a20505-535b-7282-8eae-c0bae3151347"
AN_OLD_ID = "0198c0de-5e55-7000-8000-00000000ffff"
YEAR_2100_NS = 4_102_444_800 * 10**9


def test_a_new_id_is_a_uuid_of_version_7_in_the_form_that_is_an_id() -> None:
    one = ids.new()
    assert uuid.UUID(one).version == 7
    assert ids.is_id(one)


def test_ids_of_one_machine_are_unique() -> None:
    assert len({ids.new() for _ in range(10_000)}) == 10_000


def test_an_id_after_another_sorts_after_it() -> None:
    chain = [ids.after(None)]
    for _ in range(1_000):
        chain.append(ids.after(chain[-1]))
    assert chain == sorted(set(chain))


def test_an_id_after_an_old_one_is_as_new_as_any() -> None:
    before = ids.new()
    assert ids.after(AN_OLD_ID)[:13] >= before[:13]  # the milliseconds


@pytest.mark.parametrize("nanoseconds", [0, 1, YEAR_2100_NS])
def test_an_id_sorts_after_one_of_a_machine_whose_clock_is_ahead(
    nanoseconds: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    ahead = ids.after(None)
    monkeypatch.setattr(time, "time_ns", lambda: nanoseconds)
    after = ids.after(ahead)
    assert after > ahead
    assert uuid.UUID(after).version == 7


@given(st.lists(st.integers(min_value=0, max_value=YEAR_2100_NS), min_size=1, max_size=20))
def test_a_chain_of_ids_is_in_order_under_any_clock(clock: list[int]) -> None:
    readings, real, chain = iter(clock), time.time_ns, [ids.new()]
    try:
        for _ in clock:
            time.time_ns = lambda: next(readings)  # type: ignore[assignment]
            chain.append(ids.after(chain[-1]))
    finally:
        time.time_ns = real
    assert chain == sorted(set(chain))


@given(st.lists(st.text(st.characters(exclude_categories=["Cc", "Cs"])), min_size=1))
def test_a_derived_id_depends_on_its_parts_alone(parts: list[str]) -> None:
    one = ids.derived(*parts)
    assert one == ids.derived(*parts)
    assert uuid.UUID(one).version == 8
    assert ids.is_id(one)
    assert ids.derived(*parts, "") != one


def test_parts_of_a_derived_id_do_not_run_together() -> None:
    assert ids.derived("ab", "c") != ids.derived("a", "bc")


@pytest.mark.parametrize("text", ["", "x", AN_ID.upper(), f"{AN_ID}\n", f" {AN_ID}", AN_ID[:-1]])
def test_what_has_another_form_is_no_id(text: str) -> None:
    assert not ids.is_id(text)
