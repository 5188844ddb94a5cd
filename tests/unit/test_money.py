"""Money: exact in micro-dollars, and shown as the nearest number of dollars."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatkeep.money import dollars, micro_dollars


@pytest.mark.parametrize(
    ("amount", "expected"),
    [
        (0, 0),
        (0.1, 100_000),
        (0.000001, 1),
        (1e-7, 0),
        (3.5e-6, 4),
        (4.5e-6, 4),
        (0.29, 290_000),
        (Decimal("1.0000005"), 1_000_000),
        (1e6, 10**12),
    ],
)
def test_dollars_become_the_nearest_micro_dollar(amount: float, expected: int) -> None:
    assert micro_dollars(amount) == expected


@pytest.mark.parametrize(("micro", "expected"), [(0, 0.0), (1, 0.000001), (100_000, 0.1), (1_500, 0.0015)])
def test_micro_dollars_are_shown_as_dollars(micro: int, expected: float) -> None:
    assert dollars(micro) == expected


@given(st.integers(min_value=0, max_value=10**15))
def test_what_is_shown_means_what_is_stored(micro: int) -> None:
    assert micro_dollars(dollars(micro)) == micro
