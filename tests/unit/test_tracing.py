"""Spans in a process: their traces, their parents, and their attributes of DynamoDB requests."""

import asyncio
import json
import sys
import threading
import time
from collections.abc import Iterator
from contextvars import copy_context
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError, ConnectTimeoutError
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry import trace
from opentelemetry.trace import Tracer
from opentelemetry.util._once import Once
from pynamodb.exceptions import GetError

from chatkeep import tracing
from chatkeep.dynamodb.connection import make_punctual
from chatkeep.http.invocation import invoked
from chatkeep.telemetry import correlation
from chatkeep.telemetry.log_lines import UnspokenError, named
from chatkeep.tracing import Kind
from chatkeep.tracing.encoding import MOST_BYTES
from chatkeep.tracing.recording import MOST_SPANS, Recorder
from chatkeep.tracing.sending import Sender
from infra.local.events import LambdaContext
from tests.collector import Collector, tracing_here
from tests.engines import Engine

ROOT, PARENT = "5bef4de7ad49b0e87f6ef6c87fc2e700", "9a9197af755a6419"
TABLE = "chatkeep-SessionsTable"
KEY = {"pk": {"S": "walrus"}, "sk": {"S": "walrus"}}


@pytest.fixture
def collector(monkeypatch: pytest.MonkeyPatch) -> Iterator[Collector]:
    with tracing_here(monkeypatch) as found:
        yield found


def header(sampled: str = "1", root: str = f"1-{ROOT[:8]}-{ROOT[8:]}") -> str:
    return f"Root={root};Parent={PARENT};Sampled={sampled};Lineage=1:a87bd80c:0"


def test_a_request_lies_below_lambdas_own_span(collector: Collector, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(correlation.XRAY_HEADER, header())
    with tracing.request("GET /", Kind.SERVER, {}) as span:
        assert span.trace_id == ROOT
    assert (collector.named("GET /").trace_id, collector.named("GET /").parent_id) == (ROOT, PARENT)


def test_what_x_ray_does_not_sample_is_not_sent_but_has_its_id(
    collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(correlation.XRAY_HEADER, header(sampled="0"))
    with tracing.request("GET /", Kind.SERVER, {}) as span, tracing.span("invoke_agent", {}) as turn:
        assert span.trace_id == turn.trace_id == ROOT
    assert collector.bodies == []


WORDS = st.text(st.characters(exclude_characters="\0", codec="ascii"))


@given(told=WORDS | st.builds(header, WORDS, WORDS) | st.builds(header, WORDS, st.from_regex(r"1-[0-9a-f-]{0,40}")))
def test_whatever_the_header_says_a_request_is_traced(told: str) -> None:
    recorder = Recorder(Sender("http://127.0.0.1:1/v1/traces"))
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv(correlation.XRAY_HEADER, told.replace("\0", ""))
        with recorder.invocation("GET /", Kind.SERVER, {}) as span:
            assert int(str(span.trace_id), 16)


def test_one_request_is_never_below_the_one_before_it(collector: Collector) -> None:
    for _ in range(3):
        with pytest.raises(ValueError), tracing.request("GET /", Kind.SERVER, {}):
            raise ValueError("walrus")
    assert len({one.trace_id for one in collector.spans}) == 3
    assert {one.parent_id for one in collector.spans} == {None}
    assert {one.attributes["error.type"] for one in collector.spans} == {"ValueError"}
    assert b"walrus" not in b"".join(collector.bodies)


def test_a_function_that_fails_marks_its_request_with_what_it_failed_of(collector: Collector) -> None:
    def fail(*_: Any) -> Any:
        raise UnspokenError(named(GetError("walrus"))) from GetError("walrus")

    event = {"httpMethod": "GET", "resource": "/", "requestContext": {"requestId": "a-request"}}
    with pytest.raises(UnspokenError):
        invoked(fail)(event, LambdaContext("StatsFunction", "an-invocation", time.monotonic() + 60))
    assert collector.named("GET /").attributes["error.type"] == "pynamodb.exceptions.GetError"


def test_spans_lie_in_each_other_across_tasks_and_threads(collector: Collector) -> None:
    def work(name: str) -> None:
        with tracing.span(name, {}):
            tracing.begin(f"{name} inside", {}).end()

    async def both() -> None:
        await asyncio.gather(asyncio.to_thread(work, "one"), asyncio.to_thread(work, "two"))

    with tracing.request("GET /", Kind.SERVER, {}), tracing.span("invoke_agent", {}):
        asyncio.run(both())
    assert collector.tree() == {
        "GET /": {"invoke_agent": {"one": {"one inside": {}}, "two": {"two inside": {}}}},
    }


def test_a_thread_that_outlives_its_request_goes_on_in_its_own_trace(collector: Collector) -> None:
    goes_on = threading.Event()

    def late() -> None:
        goes_on.wait()
        tracing.begin("late", {}).end()

    with tracing.request("first", Kind.SERVER, {}) as first:
        thread = threading.Thread(target=copy_context().run, args=(late,))
        thread.start()
    with tracing.request("second", Kind.SERVER, {}) as second:
        goes_on.set()
        thread.join()
    assert collector.named("late").trace_id == first.trace_id != second.trace_id


def test_a_thread_that_has_no_request_begins_no_trace_of_its_own_past_the_sampling(
    collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(correlation.XRAY_HEADER, header(sampled="0"))

    def work() -> None:
        with tracing.span("work", {}):
            tracing.begin("DynamoDB.GetItem", {}).end()

    with tracing.request("GET /", Kind.SERVER, {}):
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
    assert collector.bodies == []


def test_what_is_said_of_sending_is_said_within_the_request(monkeypatch: pytest.MonkeyPatch) -> None:
    known = list[correlation.Ids | None]()

    class Noting(Sender):
        def send(self, _: Any) -> None:
            known.append(correlation.current())

    recorder = Recorder(Noting("http://127.0.0.1:1/v1/traces"))
    monkeypatch.setattr(tracing, "recorder", lambda: recorder)
    context = LambdaContext("StatsFunction", "an-invocation", time.monotonic() + 60)
    trace_id = invoked(lambda *_: correlation.current())(
        {"requestContext": {"requestId": "a-request"}}, context
    ).trace_id
    assert [(one.request_id, one.trace_id) for one in known if one] == [("a-request", trace_id)]
    assert correlation.current() is None


def test_a_request_with_more_spans_than_are_kept_keeps_the_whole_of_it(collector: Collector) -> None:
    with tracing.request("GET /", Kind.SERVER, {}):
        for number in range(MOST_SPANS + 10):
            tracing.begin(str(number), {}).end()
    assert len(collector.spans) == MOST_SPANS
    assert collector.named("GET /").parent_id is None


@pytest.fixture
def client(collector: Collector, engine: Engine) -> Any:
    """A client of DynamoDB that asks the deadline and tells of its requests."""
    made = boto3.client("dynamodb", endpoint_url=engine.endpoint)
    make_punctual(made)
    return made


def test_a_request_to_dynamodb_is_a_span_with_its_tables_and_nothing_of_its_items(
    collector: Collector, client: Any
) -> None:
    member = {"Put": {"TableName": TABLE, "Item": KEY}}
    with tracing.request("GET /", Kind.SERVER, {}):
        client.get_item(TableName=TABLE, Key=KEY)
        client.batch_get_item(RequestItems={TABLE: {"Keys": [KEY]}})
        client.transact_write_items(TransactItems=[member])
    names = ["DynamoDB.BatchGetItem", "DynamoDB.GetItem", "DynamoDB.TransactWriteItems"]
    assert sorted(collector.tree()["GET /"]) == names
    assert {str(collector.named(name).attributes["aws.dynamodb.table_names"]) for name in names} == {f"['{TABLE}']"}
    assert b"walrus" not in b"".join(collector.bodies)


def test_a_request_that_dynamodb_refuses_is_marked_with_its_code(collector: Collector, client: Any) -> None:
    never = "attribute_exists(pk) AND attribute_not_exists(pk)"
    with tracing.request("GET /", Kind.SERVER, {}), pytest.raises(ClientError):
        client.put_item(TableName=TABLE, Item=KEY, ConditionExpression=never)
    span = collector.named("DynamoDB.PutItem")
    assert (span.attributes["error.type"], span.failed) == ("ConditionalCheckFailedException", True)


def test_a_request_that_nobody_answers_is_marked_with_its_class(
    collector: Collector, client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def silent(_: Any) -> Any:
        raise ConnectTimeoutError(endpoint_url="walrus")

    monkeypatch.setattr("tests.engines.interceptors", [silent])
    with tracing.request("GET /", Kind.SERVER, {}), pytest.raises(ConnectTimeoutError):
        client.get_item(TableName=TABLE, Key=KEY)
    assert collector.named("DynamoDB.GetItem").attributes["error.type"] == "botocore.exceptions.ConnectTimeoutError"
    assert b"walrus" not in b"".join(collector.bodies)


@pytest.fixture
def tracer(collector: Collector, monkeypatch: pytest.MonkeyPatch) -> Tracer:
    """OpenTelemetry's tracer as a graph gets it, in a process whose provider no other test has set."""
    monkeypatch.setattr(trace, "_TRACER_PROVIDER", None)
    monkeypatch.setattr(trace, "_TRACER_PROVIDER_SET_ONCE", Once())
    assert tracing.recorder()
    return trace.get_tracer("a graph")


def test_a_span_of_a_graphs_own_joins_the_trace(collector: Collector, tracer: Tracer) -> None:
    with tracing.request("GET /", Kind.SERVER, {}), tracer.start_as_current_span("search"):
        tracing.begin("inside", {}).end()
    assert collector.tree() == {"GET /": {"search": {"inside": {}}}}


def test_no_words_of_an_error_leave_with_a_span_of_a_graphs_own(collector: Collector, tracer: Tracer) -> None:
    def search() -> None:
        with tracer.start_as_current_span("search") as span:
            span.add_event("walrus", {"walrus": "walrus"})
            raise ValueError("walrus")

    with tracing.request("GET /", Kind.SERVER, {}), pytest.raises(ValueError):
        search()
    assert collector.named("search").failed
    assert b"walrus" not in b"".join(collector.bodies)


def test_spans_of_a_graphs_own_are_sent_however_much_they_say(
    collector: Collector, tracer: Tracer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chatkeep.tracing.sending.LONGEST_SECONDS", 20)
    with tracing.request("GET /", Kind.SERVER, {}):
        for number in range(40):
            said = {str(name): "\x01" * 2_000 for name in range(100)}
            tracer.start_span(str(number), attributes=said).end()
    assert len(collector.spans) == 41
    assert len(collector.bodies) > 1
    assert max(map(len, collector.bodies)) <= MOST_BYTES
    assert max(len(json.dumps(one.attributes)) for one in collector.spans) < 200_000  # what X-Ray takes of one


def test_a_process_without_opentelemetry_serves_without_spans(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with tracing_here(monkeypatch) as collector:
        monkeypatch.setitem(sys.modules, "chatkeep.tracing.recording", None)
        for _ in range(2):
            with tracing.request("GET /", Kind.SERVER, {}) as span:
                assert span is tracing.NOTHING
    assert collector.bodies == []
    assert [(one.message, vars(one)["reason"]) for one in caplog.records] == [
        ("no spans are recorded", "ModuleNotFoundError")
    ]
