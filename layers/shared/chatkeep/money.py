"""Money: integer micro-dollars where it is stored and added, a number of US dollars where it is shown."""

from decimal import ROUND_HALF_EVEN, Decimal

MICRO_DOLLARS_PER_DOLLAR = 1_000_000


def micro_dollars(dollars: Decimal | float) -> int:
    """The nearest whole micro-dollar, ties to even; a float counts as the decimal it prints as."""
    exact = dollars if isinstance(dollars, Decimal) else Decimal(repr(dollars))
    return int((exact * MICRO_DOLLARS_PER_DOLLAR).to_integral_value(ROUND_HALF_EVEN))


def dollars(micro: int) -> float:
    """US dollars; the nearest float to the exact amount."""
    return float(Decimal(micro) / MICRO_DOLLARS_PER_DOLLAR)
