"""The deadline: whoever waits knows how long the caller does, whatever the clocks say."""

import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatkeep import clock, deadline
from chatkeep.clock import now
from chatkeep.deadline import (
    ANSWERING_SECONDS,
    CLIENT_GRACE_SECONDS,
    GATEWAY_SECONDS,
    NONE,
    RESERVE_SECONDS,
    Deadline,
    time_of_day,
)
from tests.remaining import remaining

NEARLY = 0.002
"""The gateway tells milliseconds, and Lambda too."""


@pytest.fixture(scope="module", autouse=True)
def _no_time_passes() -> Iterator[None]:
    moment, reading = clock.now(), time.monotonic()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(clock, "read", lambda: moment)
        patch.setattr(deadline, "time", SimpleNamespace(monotonic=lambda: reading))
        yield


def made(event: Any, seconds: float = 28) -> Deadline:
    """The deadline of a function that is invoked with `event` and has so many seconds."""
    with deadline.kept(event, remaining(seconds)):
        return deadline.current()


def received(age: float) -> dict[str, Any]:
    return {"requestContext": {"requestTimeEpoch": int((now().timestamp() - age) * 1000)}}


def test_a_turn_that_arrives_six_seconds_after_the_gateways_receipt_has_23_seconds_less_the_reserve() -> None:
    assert made(received(6)).seconds_left() == pytest.approx(23 - RESERVE_SECONDS, abs=NEARLY)


def test_a_turn_that_arrives_at_once_has_its_functions_time_less_the_reserve() -> None:
    assert made(received(0)).seconds_left() == pytest.approx(28 - RESERVE_SECONDS, abs=NEARLY)


def test_a_slow_start_does_not_shorten_the_life_of_the_function() -> None:
    assert made(received(6)).dies - deadline.time.monotonic() == pytest.approx(28, abs=NEARLY)


@given(st.floats(0, 28.9), st.floats(0.1, 900))
def test_nobody_waits_longer_than_the_gateway_or_the_function(age: float, seconds: float) -> None:
    left = made(received(age), seconds).seconds_left() + RESERVE_SECONDS
    assert left == pytest.approx(min(GATEWAY_SECONDS - age, seconds), abs=NEARLY)


@given(st.floats(GATEWAY_SECONDS, 10**9) | st.floats(-(10**9), 0))
def test_a_gateway_whose_clock_is_wrong_neither_lengthens_a_request_nor_ends_it(age: float) -> None:
    left = made(received(age), 900).seconds_left() + RESERVE_SECONDS
    assert left == pytest.approx(GATEWAY_SECONDS, abs=NEARLY)


NO_RECEIPTS: list[Any] = [
    {},
    {"requestContext": None},
    {"requestContext": {}},
    {"requestContext": {"requestTimeEpoch": None}},
    {"requestContext": {"requestTimeEpoch": "soon"}},
    {"source": "aws.events"},
]


@pytest.mark.parametrize("event", NO_RECEIPTS)
def test_what_no_gateway_sent_has_its_functions_time(event: Any) -> None:
    assert made(event, 900).seconds_left() == pytest.approx(900 - RESERVE_SECONDS, abs=NEARLY)


def test_a_clock_that_is_set_while_a_request_runs_moves_its_deadline_nowhere(
    pass_time: Callable[[timedelta], None],
) -> None:
    one = made(received(0))
    pass_time(timedelta(hours=1))
    assert one.seconds_left() == pytest.approx(28 - RESERVE_SECONDS, abs=NEARLY)
    lived = deadline.time_of_day(one.dies) - clock.read()
    assert lived.total_seconds() == pytest.approx(28, abs=NEARLY)


def test_the_storage_is_waited_for_almost_to_the_end() -> None:
    one = Deadline.within(28)
    assert one.storage_seconds_left() == pytest.approx(28 - ANSWERING_SECONDS, abs=NEARLY)


def test_a_deadline_ends_with_its_request() -> None:
    assert made({}) is not NONE
    assert deadline.current() is NONE


@given(st.floats(0, GATEWAY_SECONDS), st.floats(10, 900))
def test_the_moments_of_a_turn_come_one_after_the_other(age: float, seconds: float) -> None:
    one = made(received(age), seconds)
    answer_by = time_of_day(one.answer_by)
    client_gives_up = answer_by + timedelta(seconds=CLIENT_GRACE_SECONDS)
    lease_expires = datetime.fromtimestamp(one.lease_expiry() / 1000, UTC)
    moments = [
        time_of_day(one.start_by), answer_by, client_gives_up, time_of_day(one.store_by), time_of_day(one.dies),
        lease_expires,
    ]  # fmt: skip
    assert moments == sorted(set(moments))


@pytest.mark.parametrize("seconds", [60.0, 0.0, -60.0])
def test_a_models_client_can_be_made_when_the_time_is_over_too(seconds: float) -> None:
    one = Deadline.within(RESERVE_SECONDS + seconds)
    assert one.client_seconds_left() == pytest.approx(max(0.0, seconds) + CLIENT_GRACE_SECONDS)
