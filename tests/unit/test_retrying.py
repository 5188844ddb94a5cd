"""Trying again: so many times, with full jitter, and never past the deadline; and nobody sleeps in any other way."""

import ast
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pynamodb.exceptions import TransactWriteError

from chatkeep import deadline, retrying
from chatkeep.checkpoint_items.requests import get_all
from chatkeep.checkpointer.codec import Codec, strict_serializer
from chatkeep.checkpointer.storage import PayloadCache, Storage
from chatkeep.dynamodb import transaction
from chatkeep.errors import StorageUnavailableError
from chatkeep.models.preferences import Preferences
from chatkeep.retrying import ATTEMPT_SECONDS, attempts, looks, nap
from tests.engines import Engine
from tests.wire import cancelled, refusing

ROOT = Path(__file__).parents[2]
MAY_SLEEP = {
    "layers/shared/chatkeep/retrying.py",
    "layers/shared/chatkeep/agent/models/scripted.py",  # the pauses of a script
}


@dataclass
class Watch:
    """A monotonic clock that moves only while somebody sleeps."""

    now: float = 1_000.0
    slept: list[float] = field(default_factory=list)

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds
        self.slept.append(seconds)


@contextmanager
def watch(seconds: float) -> Iterator[Watch]:
    """Time as the retries see it, in a function that has so many seconds."""
    made = Watch()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(deadline, "time", made)
        patch.setattr(retrying, "time", made)
        with deadline.kept({}, Context(seconds)):
            yield made


@dataclass
class Context:
    seconds: float

    def get_remaining_time_in_millis(self) -> int:
        return int(self.seconds * 1000)


SECONDS = st.floats(0, 60)
PAUSES: Any = st.floats(0.001, 10)


@given(SECONDS, st.integers(1, 200), PAUSES, PAUSES, st.lists(st.floats(0, 3), max_size=200))
def test_no_pause_outlasts_the_deadline_and_there_are_never_more_attempts_than_allowed(
    seconds: float, most: int, first: float, longest: float, lasts: list[float]
) -> None:
    with watch(seconds) as time_of_test:
        made = []
        for number in attempts(most, first=first, longest=longest):
            if number:
                assert deadline.current().storage_seconds_left() >= ATTEMPT_SECONDS - 1e-6
            made.append(number)
            time_of_test.now += lasts[number] if number < len(lasts) else 0
    assert made == list(range(len(made)))
    assert 1 <= len(made) <= most
    for number, slept in enumerate(time_of_test.slept):
        assert 0 <= slept <= min(longest, first * 2**number)


@given(st.integers(1, 30))
def test_without_a_deadline_every_attempt_is_made(most: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(retrying, "time", Watch())
        assert list(attempts(most)) == list(range(most))


@given(st.floats(0, 10), st.floats(-5, 5))
def test_a_nap_is_never_longer_than_what_is_left(longest: float, left: float) -> None:
    made = Watch()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(retrying, "time", made)
        assert nap(longest, left) == bool(made.slept)
    assert all(0 <= seconds <= min(longest, left) for seconds in made.slept)


def test_pauses_differ_so_that_those_who_failed_together_do_not_come_back_together() -> None:
    with watch(60) as time_of_test:
        list(attempts(8, first=1, longest=1))
    assert len(set(time_of_test.slept)) == 7


class Stubborn:
    """A client that leaves every key unprocessed."""

    asked = 0

    def batch_get_item(self, RequestItems: dict[str, Any]) -> dict[str, Any]:  # noqa: N803
        self.asked += 1
        return {"Responses": {}, "UnprocessedKeys": RequestItems}


def test_a_batch_that_is_left_unprocessed_is_given_up_at_the_deadline() -> None:
    client = Stubborn()
    with watch(2) as time_of_test, pytest.raises(StorageUnavailableError):
        get_all(client, "a-table", "a-thread", ["a"])
    assert sum(time_of_test.slept) < 2 - ATTEMPT_SECONDS
    assert client.asked < 10


def put(user_id: str) -> None:
    with transaction.Transaction() as writes:
        writes.put(Preferences(user_id))


def test_a_rival_that_stays_is_given_up_at_the_deadline_with_its_error(
    engine: Engine, user_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transaction, "ATTEMPTS", 1_000)
    rivals = [cancelled("TransactionConflict")] * 1_000
    with watch(3) as time_of_test, refusing("TransactWriteItems", *rivals), pytest.raises(TransactWriteError):
        put(user_id)
    assert sum(time_of_test.slept) < 3 - ATTEMPT_SECONDS


def test_what_runs_side_by_side_has_the_deadline_of_the_request_that_it_runs_for() -> None:
    with ThreadPoolExecutor(2) as pool, deadline.kept({}, Context(28)):
        storage = Storage(None, "none", Codec(strict_serializer()), pool.submit, PayloadCache(0))
        seen = storage.side_by_side([deadline.current] * 8)
        assert seen == [deadline.current()] * 8


def sleeping(source: str) -> list[str]:
    """The names in a module that sleep or compute a random pause."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            found.append(f"{node.value.id}.{node.attr}")
        elif isinstance(node, ast.ImportFrom):
            found += [f"{node.module}.{alias.name}" for alias in node.names]
    return [name for name in found if name in ("time.sleep", "asyncio.sleep", "random.uniform", "random.expovariate")]


def test_nobody_sleeps_but_the_retries_and_two_who_say_why() -> None:
    modules = [*(ROOT / "functions").rglob("*.py"), *(ROOT / "layers" / "shared").rglob("*.py")]
    slept = {str(file.relative_to(ROOT)) for file in modules if sleeping(file.read_text(encoding="utf-8"))}
    assert slept == MAY_SLEEP


@given(st.floats(0, 60), st.floats(0.01, 1))
def test_looks_come_with_naps_between_them_and_end_in_time(seconds: float, longest: float) -> None:
    with watch(60) as made:
        end = made.now + seconds
        for number, _ in enumerate(looks(longest, end)):
            assert made.now <= end
            assert len(made.slept) == number
        assert all(nap <= longest for nap in made.slept)
        assert end - made.now <= longest
