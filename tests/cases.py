"""The cases of a test, some of which are left to `make test-thorough`."""

from collections.abc import Collection, Iterable, Mapping
from typing import Any

import pytest


def cases(every: Iterable[Any], *, thorough: Collection[Any]) -> list[Any]:
    """Parameters of `every` value, or tuple of values; of a mapping, under its names. `thorough` are values or names.

    Raises ValueError where a thorough one is no case.
    """
    named = every if isinstance(every, Mapping) else {case: case for case in every}
    if unknown := set(thorough) - named.keys():
        raise ValueError(f"no cases: {unknown}")
    return [
        pytest.param(
            *(values if isinstance(values, tuple) else (values,)),
            id=name if isinstance(every, Mapping) else None,
            marks=[pytest.mark.thorough] if name in thorough else [],
        )
        for name, values in named.items()
    ]
