"""The ids of a request: whose they are, whose they are not, and that they never pass to another one."""

import json
import logging
import threading
import time
from collections.abc import Callable
from contextvars import copy_context
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatkeep.http.invocation import invoked
from chatkeep.telemetry import correlation
from chatkeep.telemetry.log_lines import LibraryRecords, LogLines
from infra.local.events import LambdaContext

LINES = LogLines(wordless=True)


def context(invocation: str = "an-invocation") -> LambdaContext:
    return LambdaContext("ChatFunction", invocation, time.monotonic() + 60)


def event(request_id: Any, **headers: str) -> dict[str, Any]:
    asked = {"requestId": request_id, "requestTimeEpoch": 0}
    return {"httpMethod": "GET", "resource": "/", "headers": headers, "requestContext": asked}


def said() -> dict[str, Any]:
    """A line of this thread's, as the log has it."""
    record = logging.LogRecord("tests", logging.INFO, __file__, 1, "a message", (), None)
    line: dict[str, Any] = json.loads(LINES.format(record))
    return line


def serve(handler: Callable[[], Any], request_id: str, invocation: str = "an-invocation") -> Any:
    """The result of `handler` within a request. Raises the errors of `handler`."""
    return invoked(lambda *_: handler())(event(request_id), context(invocation))


def test_a_line_names_the_request_as_the_access_log_does_and_the_invocation() -> None:
    line = serve(said, "a-request")
    assert (line["request_id"], line["function_request_id"]) == ("a-request", "an-invocation")
    assert line["trace_id"] == "a-request"  # there is no trace


@given(told=st.none() | st.integers() | st.text() | st.from_regex(correlation.ID, fullmatch=True))
def test_the_id_is_api_gateways_where_it_is_one_and_else_the_invocations(told: Any) -> None:
    with correlation.kept(event(told), context()) as ids:
        is_one = isinstance(told, str) and correlation.ID.fullmatch(told)
        assert ids.request_id == (told if is_one else "an-invocation")


def test_a_run_that_no_request_caused_has_an_id_of_its_own() -> None:
    sweep = invoked(lambda *_: said())
    assert sweep({"source": "aws.events"}, context("run-1"))["request_id"] == "run-1"
    assert sweep({"source": "aws.events"}, context("run-2"))["request_id"] == "run-2"


@pytest.mark.parametrize(
    "name", ["x-amzn-RequestId", "X-Request-Id", "X-Amzn-Trace-Id", "traceparent", "X-Correlation-Id"]
)
def test_a_header_of_the_clients_has_no_part_in_the_ids(name: str) -> None:
    forged = event("a-request", **{name: "Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700;Parent=9a9197af755a6419;Sampled=1"})
    line = invoked(lambda *_: said())(forged, context())
    assert (line["request_id"], line["trace_id"]) == ("a-request", "a-request")


def test_after_a_request_whether_it_failed_or_not_a_line_names_none() -> None:
    def fail() -> None:
        raise ValueError

    serve(said, "first")
    with pytest.raises(ValueError):
        serve(fail, "second")
    assert "request_id" not in said()
    assert serve(said, "third")["request_id"] == "third"


def left_behind(target: Callable[[], object]) -> threading.Thread:
    """A thread of a request, with its context, as asyncio and LangChain start them."""
    thread = threading.Thread(target=copy_context().run, args=(target,))
    thread.start()
    return thread


def test_a_thread_that_outlives_its_request_goes_on_naming_it_and_no_other() -> None:
    heard, goes_on = list[dict[str, Any]](), threading.Event()
    late = serve(lambda: left_behind(lambda: (goes_on.wait(), heard.append(said()))), "first", "invocation-1")

    def second() -> dict[str, Any]:
        goes_on.set()
        late.join()
        return said()

    assert serve(second, "second", "invocation-2")["request_id"] == "second"
    assert [(one["request_id"], one["function_request_id"]) for one in heard] == [("first", "invocation-1")]


def test_a_thread_that_has_no_request_names_none() -> None:
    heard = list[dict[str, Any]]()

    def start() -> None:
        thread = threading.Thread(target=lambda: heard.append(said()))
        thread.start()
        thread.join()

    serve(start, "a-request")
    assert "request_id" not in heard[0]
    assert "function_request_id" not in heard[0]


def test_what_powertools_knows_of_the_latest_invocation_is_not_taken_for_a_threads_own() -> None:
    lines = LogLines(wordless=True)
    lines.append_keys(function_request_id="the-latest")
    record = logging.LogRecord("tests", logging.INFO, __file__, 1, "a message", (), None)
    assert "function_request_id" not in json.loads(lines.format(record))


def test_a_librarys_record_gets_the_ids_over_its_own() -> None:
    record = logging.LogRecord("a.library", logging.WARNING, __file__, 1, "a message", (), None)
    record.request_id = "another's"

    def pass_on() -> dict[str, Any]:
        assert LibraryRecords().filter(record)
        return vars(record)

    assert serve(pass_on, "a-request")["request_id"] == "a-request"
    assert vars(record)["function_request_id"] == "an-invocation"


def test_x_rays_root_is_on_the_line_beside_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(
        correlation.XRAY_HEADER, "Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700;Parent=9a;Sampled=0;Lineage=1:a:0"
    )
    assert serve(said, "a-request")["xray_trace_id"] == "1-5bef4de7-ad49b0e87f6ef6c87fc2e700"
