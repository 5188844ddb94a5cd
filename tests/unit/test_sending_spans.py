"""An endpoint for spans that is down, hangs or refuses costs a request no more than the stated limit."""

import logging
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from chatkeep import deadline, tracing
from chatkeep.telemetry import logger
from chatkeep.tracing import Kind
from chatkeep.tracing.recording import Recorder
from chatkeep.tracing.sending import LONGEST_SECONDS, PATH, SLOW_SECONDS, Sender
from infra.local.events import LambdaContext
from tests.collector import Collector, collecting

BUSY_SECONDS = 1.0
"""Seconds that a busy machine may add."""


@pytest.fixture
def collector() -> Iterator[Collector]:
    with collecting() as found:
        yield found


@pytest.fixture
def lines(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    caplog.set_level(logging.WARNING, logger=logger.service)
    return caplog


def seconds_of_a_request(recorder: Recorder) -> float:
    """Seconds for sending the spans of an otherwise empty request."""
    with recorder.invocation("GET /", Kind.SERVER, {}), recorder.around("invoke_agent", Kind.INTERNAL, {}):
        pass
    start = time.monotonic()
    recorder.send()
    return time.monotonic() - start


def reasons(lines: pytest.LogCaptureFixture) -> list[str]:
    return [vars(one)["reason"] for one in lines.records if one.message == "spans were not sent"]


def said(lines: pytest.LogCaptureFixture) -> list[str]:
    return [one.message for one in lines.records if one.name == logger.service]


def test_spans_are_there_when_the_request_ends(collector: Collector, lines: pytest.LogCaptureFixture) -> None:
    seconds_of_a_request(Recorder(Sender(collector.url + PATH)))
    assert collector.tree() == {"GET /": {"invoke_agent": {}}}
    assert reasons(lines) == []


@pytest.mark.parametrize(
    ("how", "reason"),
    [
        ({"status": 500}, "RefusedError (500)"),
        ({"status": 301}, "RefusedError (301)"),
        ({"seconds": 30}, "TimeoutError"),
        ({"trickles": True}, "TimeoutError"),
    ],
    ids=["an error", "a redirect", "silence", "an answer that never ends"],
)
def test_an_endpoint_that_fails_costs_a_request_a_second_and_one_line(
    collector: Collector, lines: pytest.LogCaptureFixture, how: dict[str, Any], reason: str
) -> None:
    vars(collector).update(how)
    recorder = Recorder(Sender(collector.url + PATH))
    assert seconds_of_a_request(recorder) < LONGEST_SECONDS + BUSY_SECONDS
    assert [one.rpartition(".")[2] for one in reasons(lines)] == [reason]


def test_an_endpoint_that_is_down_costs_next_to_nothing(lines: pytest.LogCaptureFixture) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    assert seconds_of_a_request(Recorder(Sender(f"http://127.0.0.1:{port}{PATH}"))) < LONGEST_SECONDS
    assert "NewConnectionError" in reasons(lines)[0]


def test_a_process_without_threads_to_spare_loses_its_spans_and_nothing_else(
    collector: Collector, lines: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorder = Recorder(Sender(collector.url + PATH))

    def refuse(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as starved:
        starved.setattr(threading.Thread, "start", refuse)
        seconds_of_a_request(recorder)
    assert reasons(lines) == ["RuntimeError"]
    assert collector.bodies == []


def test_after_a_failure_the_next_requests_do_not_wait_and_their_spans_are_not_kept(
    collector: Collector, lines: pytest.LogCaptureFixture
) -> None:
    recorder = Recorder(Sender(collector.url + PATH))
    collector.status = 503
    seconds_of_a_request(recorder)
    posted = len(collector.bodies)
    collector.status, collector.seconds = 200, 30
    assert sum(seconds_of_a_request(recorder) for _ in range(20)) < LONGEST_SECONDS
    assert len(collector.bodies) == posted
    assert len(reasons(lines)) == 1


def test_an_endpoint_that_is_slow_delays_the_first_request_and_two_more_and_says_so(
    collector: Collector, lines: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chatkeep.tracing.sending.LONGEST_SECONDS", 20)
    recorder = Recorder(Sender(collector.url + PATH))
    collector.seconds = SLOW_SECONDS + 0.1
    took = [seconds_of_a_request(recorder) for _ in range(10)]
    assert len(collector.bodies) == 3
    assert max(took[3:]) < SLOW_SECONDS
    assert said(lines) == ["sending spans is slow"]


def test_a_connection_that_takes_its_time_to_be_made_is_none_of_a_slow_endpoint(
    collector: Collector, lines: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chatkeep.tracing.sending.IDLE_SECONDS", -1)
    monkeypatch.setattr("chatkeep.tracing.sending.LONGEST_SECONDS", 20)
    recorder = Recorder(Sender(collector.url + PATH))
    collector.seconds = SLOW_SECONDS + 0.1
    for _ in range(4):
        seconds_of_a_request(recorder)
    assert len(collector.bodies) == 4
    assert said(lines) == []


def test_a_slow_request_now_and_then_is_none_of_a_slow_endpoint(
    collector: Collector, lines: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chatkeep.tracing.sending.LONGEST_SECONDS", 5)
    monkeypatch.setattr("chatkeep.tracing.sending.SLOW_SECONDS", 0.6)
    recorder = Recorder(Sender(collector.url + PATH))
    for seconds in (0.7, 0, 0.7, 0):
        collector.seconds = seconds
        seconds_of_a_request(recorder)
    assert len(collector.bodies) == 4
    assert said(lines) == []


def test_an_answer_that_never_ends_keeps_one_thread_whatever_the_number_of_requests(
    collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chatkeep.tracing.sending.PAUSE_SECONDS", 0)
    monkeypatch.setattr("chatkeep.tracing.sending.LONGEST_SECONDS", 0.3)
    recorder = Recorder(Sender(collector.url + PATH))
    collector.trickles = True
    for _ in range(5):
        seconds_of_a_request(recorder)
    assert len(collector.bodies) == 1


def test_after_the_pause_it_is_tried_again(collector: Collector, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chatkeep.tracing.sending.PAUSE_SECONDS", 0.1)
    recorder = Recorder(Sender(collector.url + PATH))
    collector.status = 503
    seconds_of_a_request(recorder)
    collector.status = 200
    collector.bodies.clear()
    time.sleep(0.15)
    seconds_of_a_request(recorder)
    assert collector.tree() == {"GET /": {"invoke_agent": {}}}


@pytest.mark.parametrize(("left", "most"), [(0.8, 0.3), (0.4, 0.0)])
def test_the_answer_comes_before_the_deadline_however_long_the_endpoint_takes(
    collector: Collector, left: float, most: float
) -> None:
    collector.seconds = 30
    recorder = Recorder(Sender(collector.url + PATH))
    with deadline.kept({}, LambdaContext("ChatFunction", "an-invocation", time.monotonic() + left)):
        took = seconds_of_a_request(recorder)
        assert took < most + 0.2
        assert bool(collector.headers) == bool(most)


def test_a_request_without_time_left_says_that_its_spans_are_lost_and_the_next_one_sends_its_own(
    collector: Collector, lines: pytest.LogCaptureFixture
) -> None:
    recorder = Recorder(Sender(collector.url + PATH))
    with deadline.kept({}, LambdaContext("ChatFunction", "an-invocation", time.monotonic() + 0.4)):
        seconds_of_a_request(recorder)
    assert reasons(lines) == ["no time was left"]
    seconds_of_a_request(recorder)
    assert len(collector.bodies) == 1


def test_a_connection_that_died_while_the_process_was_frozen_is_made_anew(collector: Collector) -> None:
    sender = Sender(collector.url + PATH)
    recorder = Recorder(sender)
    seconds_of_a_request(recorder)
    for pool in sender._pool.pools._container.values():
        pool.pool.queue[-1].sock.shutdown(socket.SHUT_RDWR)
    seconds_of_a_request(recorder)
    assert len(collector.bodies) == 2


def test_a_connection_is_kept_unless_the_process_may_have_been_frozen_for_long(
    collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorder = Recorder(Sender(collector.url + PATH))
    for idle in (20, 20, -1):
        monkeypatch.setattr("chatkeep.tracing.sending.IDLE_SECONDS", idle)
        seconds_of_a_request(recorder)
    first, second, third = collector.peers
    assert first == second != third


def test_x_ray_gets_a_signature_and_nobody_else(collector: Collector, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_REGION", "eu-central-1")
    assert Sender.to("xray").url == "https://xray.eu-central-1.amazonaws.com/v1/traces"
    for region in ("eu-central-1", None):
        seconds_of_a_request(Recorder(Sender(collector.url + PATH, region)))
    signed, unsigned = collector.headers
    assert "/eu-central-1/xray/aws4_request" in signed["authorization"]
    assert "authorization" not in unsigned


def test_without_an_endpoint_a_span_is_nothing_and_nothing_is_sent(collector: Collector) -> None:
    with tracing.request("GET /", Kind.SERVER, {}) as request, tracing.span("invoke_agent", {}) as turn:
        assert request is turn is tracing.begin("chat", {}) is tracing.NOTHING
        turn.fail("a reason")
    assert request.trace_id is None
    assert collector.bodies == []
