"""Fixtures of these tests. They import the models late, as those read the engine's address at import."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest


@pytest.fixture
def pass_an_hour(pass_time: Callable[[timedelta], None]) -> Callable[[], None]:
    """Sets the clock an hour ahead, so that each lease has expired."""
    return lambda: pass_time(timedelta(hours=1))


@pytest.fixture
def new_story(dynamodb: Any, pass_an_hour: Callable[[], None]) -> Callable[[], Any]:
    from tests.faults.story import Story

    return lambda: Story(dynamodb, pass_an_hour)


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Waiters for a turn poll often, and retries come at once."""
    from chatkeep.turns import supervision
    from tests.faults.story import Impatient

    monkeypatch.setattr(supervision, "FIRST_LOOK_SECONDS", 0.02)
    monkeypatch.setattr(supervision, "LOOK_SECONDS", 0.02)
    monkeypatch.setattr("botocore.endpoint.time", Impatient())


@pytest.fixture
def new_life(
    empty_tables: None, dynamodb: Any, pass_time: Callable[[timedelta], None], monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Any]:
    """Makes the tables hold a user with a session that has these settings and everything that one can leave."""
    from tests.faults.removals import a_life

    return lambda **settings: a_life(dynamodb, pass_time, monkeypatch, **settings)


@pytest.fixture
def life(new_life: Callable[..., Any]) -> Any:
    return new_life()
