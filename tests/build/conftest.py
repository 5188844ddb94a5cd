"""The tables that the built functions talk to."""

from collections.abc import Iterator

import pytest

from tests.client import STACK
from tests.engines import Engine, with_tables


@pytest.fixture(scope="session")
def tables() -> Iterator[Engine]:
    with with_tables("dynoxide", STACK) as engine:
        yield engine
