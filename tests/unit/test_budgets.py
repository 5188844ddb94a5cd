"""The time-outs nest: a storage that never answers is told within the reserve, the function's time, the gateway's."""

from types import SimpleNamespace

import pytest
from botocore.retries.standard import ExponentialBackoff, RetryContext, RetryEventAdapter, ThrottlingErrorDetector
from pynamodb.exceptions import GetError

from chatkeep import deadline
from chatkeep.aws.punctual import CONNECT_SECONDS, OutOfTimeError
from chatkeep.deadline import ANSWERING_SECONDS, GATEWAY_SECONDS, RESERVE_SECONDS, STREAM_SECONDS, Deadline
from chatkeep.dynamodb import connection as dynamodb
from chatkeep.dynamodb.connection import MOST_ATTEMPTS, READ_SECONDS, SILENT_ATTEMPTS, longest_pause
from chatkeep.models.session import Session
from chatkeep.retrying import ATTEMPT_SECONDS
from infra.local.template import Function, load_functions, load_routes
from tests.client import STACK
from tests.engines import Engine
from tests.faults.injector import Fault, outage

FUNCTIONS = load_functions(STACK)
GATEWAY = {route.function: route.seconds for route in load_routes(STACK)}
"""The time-out of the routes of each function behind the gateway."""


@pytest.mark.parametrize("function", FUNCTIONS.values(), ids=FUNCTIONS)
def test_silence_is_shorter_than_the_reserve_and_that_than_the_function_and_that_than_the_gateway(
    function: Function,
) -> None:
    pauses = sum(longest_pause(attempts, refused=False) for attempts in range(1, SILENT_ATTEMPTS))
    silence = SILENT_ATTEMPTS * (CONNECT_SECONDS + READ_SECONDS) + pauses
    assert silence + ANSWERING_SECONDS < RESERVE_SECONDS < function.timeout_seconds / 1.5
    if GATEWAY.get(function.name) == STREAM_SECONDS:  # which is Lambda's longest time-out too
        assert function.timeout_seconds == STREAM_SECONDS
    elif function.name in GATEWAY:
        assert function.timeout_seconds < GATEWAY[function.name] == GATEWAY_SECONDS


def test_the_client_has_these_time_outs(engine: Engine) -> None:
    config = Session._get_connection().connection.client.meta.config
    assert (config.connect_timeout, config.read_timeout) == (CONNECT_SECONDS, READ_SECONDS)
    assert config.retries == {"total_max_attempts": MOST_ATTEMPTS, "mode": "standard"}
    assert CONNECT_SECONDS >= 1
    assert ATTEMPT_SECONDS > CONNECT_SECONDS


@pytest.mark.parametrize("code", ["ThrottlingException", None])
@pytest.mark.parametrize("attempts", range(1, MOST_ATTEMPTS))
def test_botocore_pauses_no_longer_than_we_think(attempts: int, code: str | None) -> None:
    throttled = ThrottlingErrorDetector(RetryEventAdapter())
    backoff = ExponentialBackoff(random=lambda: 1.0, service_name="dynamodb", throttling_detector=throttled)
    response = code and SimpleNamespace(status_code=400, headers={})
    context = RetryContext(attempts, None, {"Error": {"Code": code}} if code else None, response)
    assert backoff.delay_amount(context) == longest_pause(attempts, refused=code is not None)


@pytest.mark.parametrize("left", [-1.0, 0.0, ATTEMPT_SECONDS - 0.01])
def test_a_request_that_could_not_be_answered_in_time_is_not_sent(
    engine: Engine, left: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Deadline, "storage_seconds_left", lambda _: left)
    with outage(Fault.SILENT) as met, pytest.raises(GetError) as raised:
        Session.get("a", "b")
    assert isinstance(raised.value.cause, OutOfTimeError)
    assert met.count == 0


@pytest.mark.parametrize(
    ("left", "refused", "again"),
    [
        (100.0, False, True),
        (ATTEMPT_SECONDS, False, False),
        (ATTEMPT_SECONDS + 0.5, False, True),
        (ATTEMPT_SECONDS + 0.5, True, False),
        (ATTEMPT_SECONDS + 1.0, True, True),
    ],
)
def test_a_request_is_repeated_where_the_longest_pause_and_another_attempt_fit(
    left: float, refused: bool, again: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Deadline, "storage_seconds_left", lambda _: left)
    response = (SimpleNamespace(headers={}), {}) if refused else None
    assert (dynamodb._allow(attempts=1, response=response, caught_exception=None) is None) == again


def test_a_pause_that_aws_asks_for_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Deadline, "storage_seconds_left", lambda _: 6.0)
    assert deadline.current().storage_seconds_left() == 6.0
    for headers, again in (({}, None), ({dynamodb.RETRY_AFTER: "4000"}, False)):
        response = (SimpleNamespace(headers=headers), {})
        assert dynamodb._allow(attempts=1, response=response, caught_exception=None) is again
