"""The cases of a test, some of which are left to `make test-thorough`."""

from collections.abc import Collection, Iterable, Mapping
from typing import Any

import pytest


def cases(every: Iterable[Any], *, thorough: Collection[Any]) -> list[Any]:
    """Parameters of `every` value, or tuple of values; of a mapping, under its names. `thorough` are values or names.

    Raises ValueError where a thorough one is no case.
    """
    names = list(every)
    if unknown := [one for one in thorough if one not in names]:
        raise ValueError(f"no cases: {unknown}")
    return [_case(every, name, name in thorough) for name in names]


def one_in(number: int, every: Iterable[Any]) -> list[Any]:
    """Parameters as those of `cases`, for many alike: each `number`th one, from the first; the others are thorough."""
    return [_case(every, name, at % number != 0) for at, name in enumerate(every)]


def _case(every: Iterable[Any], name: Any, thorough: bool) -> Any:
    values = every[name] if isinstance(every, Mapping) else name
    return pytest.param(
        *(values if isinstance(values, tuple) else (values,)),
        id=name if isinstance(every, Mapping) else None,
        marks=[pytest.mark.thorough] if thorough else [],
    )
