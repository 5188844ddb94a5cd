"""The spans of requests and turns that leave the functions under AWS's own runtime client, with tracing on.

What infra/docs/tracing.md shows of them is held to them here.
"""

import json
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from infra.local.stack import Stack
from tests.client import STACK
from tests.collector import Collector, Received, collecting
from tests.engines import with_tables
from tests.lambda_function import Code
from tests.marked import MARKS, SECRETS, SIGNATURES, Deployment, deployed, remove, talk
from tests.provider import openai
from tests.provider.openai_replies import Reply, ToolCall

ROOT = STACK.path.parent
SOURCE = Code([sys.executable], [ROOT, ROOT / "layers" / "shared"])
SERVER, CLIENT, INTERNAL = 2, 3, 1
MANUAL = (ROOT / "infra" / "docs" / "tracing.md").read_text(encoding="utf-8")
LOOKS = "DynamoDB.GetItem"
"""For a cancel, by a turn that takes a second on a busy machine."""
SEND = "POST /sessions/{session_id}/messages"


@dataclass(frozen=True)
class Traced:
    """A deployment after the marked conversation and one more turn with a tool; `spans` are those of the turn."""

    deployment: Deployment
    collector: Collector
    session_id: str
    turn: dict[str, Any]
    header: str
    spans: list[Received]

    def of(self, name: str) -> list[Received]:
        return [one for one in self.spans if one.name == name]

    def one(self, name: str) -> Received:
        (found,) = self.of(name)
        return found

    def above(self, span: Received) -> str:
        """The name of the span that it lies in."""
        return next(one.name for one in self.spans if one.span_id == span.parent_id)


@pytest.fixture(scope="module")
def traced() -> Iterator[Traced]:
    with collecting() as collector, openai.serve() as endpoint, with_tables("dynoxide", STACK) as tables:
        variables = {
            "DYNAMODB_ENDPOINT": tables.endpoint or "",
            "OPENAI_BASE_URL": endpoint.url,
            "GRAPH": "tests.quoting_graph:quoting",
            "ALLOWED_MODELS": "*",
            "JOBS_FUNCTION": "",
            **SECRETS,
        }
        stack = Stack(STACK.path, {"Tracing": "Active", "TracesEndpoint": collector.url})
        with deployed(stack, lambda _: SOURCE, variables) as deployment:
            talk(deployment, endpoint)
            session_id, turn, spans = with_a_tool(deployment, endpoint, collector)
            header = deployment.functions["ChatFunction"].api.traces[-1]
            remove(deployment, tables)
        yield Traced(deployment, collector, session_id, turn, header, spans)


def with_a_tool(
    deployment: Deployment, endpoint: openai.Endpoint, collector: Collector
) -> tuple[str, Any, list[Received]]:
    """A turn in which the model calls a tool and then answers."""
    created = deployment.request("POST", "/sessions", {"model_name": "openai:tiny"})
    before = len(collector.spans)
    endpoint.script = [Reply(tool_calls=[ToolCall("call-1", "measure", '{"words": "a"}')]), Reply(words=["Done", "."])]
    turn = deployment.request("POST", f"/sessions/{created['session_id']}/messages", {"content": "hi"})
    return created["session_id"], turn, collector.spans[before:]


def test_a_turn_leaves_a_tree_of_its_request_its_calls_and_its_storage(traced: Traced) -> None:
    request, turn = traced.one(SEND), traced.one("invoke_agent")
    first, second = traced.of("chat tiny")
    tool = traced.one("execute_tool measure")
    assert traced.above(turn) == SEND
    assert [traced.above(one) for one in (first, second, tool)] == ["invoke_agent"] * 3
    assert [one.kind for one in (request, turn, first, tool)] == [SERVER, INTERNAL, CLIENT, INTERNAL]
    storage = [one for one in traced.spans if one.name.startswith("DynamoDB.")]
    assert {traced.above(one) for one in storage} == {SEND, "invoke_agent"}
    assert {one.kind for one in storage} == {CLIENT}
    assert "DynamoDB.TransactWriteItems" in {one.name for one in storage if traced.above(one) == "invoke_agent"}


def test_the_tree_hangs_below_lambdas_own_span_and_its_id_is_the_answers(traced: Traced) -> None:
    members = dict(one.split("=") for one in traced.header.split(";"))
    root = members["Root"].removeprefix("1-").replace("-", "")
    assert {one.trace_id for one in traced.spans} == {root}
    assert traced.one(SEND).parent_id == members["Parent"]
    assert traced.turn["message"]["trace_id"] == root
    assert traced.turn["user_message"]["trace_id"] is None


def test_a_model_call_says_what_it_used_and_how_it_ended(traced: Traced) -> None:
    first, second = traced.of("chat tiny")
    expected = {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": "tiny",
        "gen_ai.conversation.id": traced.session_id,
        "gen_ai.usage.input_tokens": 120,
        "gen_ai.usage.output_tokens": 40,
        "gen_ai.usage.cache_read.input_tokens": 100,
        "gen_ai.usage.reasoning.output_tokens": 30,
        "gen_ai.response.finish_reasons": ["stop"],
    }
    assert expected.items() <= second.attributes.items()
    assert first.attributes["gen_ai.response.finish_reasons"] == ["tool_calls"]
    assert 0 < second.attributes["gen_ai.response.time_to_first_chunk"] < 10


def test_the_turn_the_tool_and_the_request_say_how_they_ended(traced: Traced) -> None:
    request, turn, tool = traced.one(SEND), traced.one("invoke_agent"), traced.one("execute_tool measure")
    assert (request.attributes["http.response.status_code"], request.failed) == (200, False)
    assert request.attributes["http.route"] == "/sessions/{session_id}/messages"
    assert (turn.attributes["chatkeep.turn.status"], turn.failed) == ("completed", False)
    assert turn.attributes["chatkeep.turn.id"] == traced.turn["turn_id"]
    assert turn.attributes["gen_ai.usage.input_tokens"] == traced.turn["usage"]["input_tokens"] == 240
    assert (tool.attributes["gen_ai.tool.name"], tool.failed) == ("measure", False)


def test_a_request_to_dynamodb_says_its_operation_and_its_tables(traced: Traced) -> None:
    stored = [one for one in traced.of("DynamoDB.TransactWriteItems") if traced.above(one) == "invoke_agent"][-1]
    assert stored.attributes["db.system.name"] == "aws.dynamodb"
    assert stored.attributes["db.operation.name"] == "TransactWriteItems"
    assert [name.rpartition("-")[2] for name in stored.attributes["aws.dynamodb.table_names"]] == [
        "CheckpointsTable",
        "SessionsTable",
    ]
    assert stored.attributes["http.response.status_code"] == 200


def test_each_request_of_each_function_is_one_trace_below_its_own_span_of_lambdas(traced: Traced) -> None:
    outermost = [
        one for one in traced.collector.spans if one.name in {SEND, "scheduled run", "jobs"} or one.kind == SERVER
    ]
    assert {one.resource["service.name"] for one in outermost} == {"sessions", "chat", "stats", "sweep", "purge"}
    headers = [header for one in traced.deployment.functions.values() for header in one.api.traces]
    parents = {member for header in headers for member in header.split(";") if member.startswith("Parent=")}
    assert {f"Parent={one.parent_id}" for one in outermost} <= parents
    assert len({one.trace_id for one in outermost}) == len(outermost)


def test_no_span_holds_anything_of_a_conversation_and_no_key(traced: Traced) -> None:
    sent = [body.decode() for body in traced.collector.bodies]
    assert len(sent) > 20
    marks = [*MARKS.values(), *SIGNATURES]
    assert {mark: body[max(0, body.index(mark) - 200) :][:300] for mark in marks for body in sent if mark in body} == {}
    assert not any(event for span in traced.collector.spans for event in span.events)


def test_what_failed_is_marked_by_classes_and_codes(traced: Traced) -> None:
    failed = {(one.name, one.attributes["error.type"]) for one in traced.collector.spans if one.failed}
    assert {(SEND, "503"), ("invoke_agent", "model_access_denied"), ("invoke_agent", "model_unavailable")} <= failed
    assert ("execute_tool quote", "ValueError") in failed
    assert any("AuthenticationError (401)" in kind for name, kind in failed if name == "chat tiny")


def test_each_line_of_the_turn_has_its_trace(traced: Traced) -> None:
    trace_id = traced.turn["message"]["trace_id"]
    lines = [one.record for one in traced.deployment.written() if one.record.get("trace_id") == trace_id]
    (ended,) = [one for one in lines if one["message"] == "turn ended"]
    assert ended["turn_id"] == traced.turn["turn_id"]
    assert "measured %s" in {one["message"] for one in lines}
    assert len({one["request_id"] for one in lines}) == 1


def examples(kind: str) -> list[str]:
    """The blocks of that kind in the manual."""
    return re.findall(rf"```{kind}\n(.*?)```", MANUAL, re.DOTALL)


def test_the_manual_shows_the_access_log_as_the_template_has_it() -> None:
    shown = json.loads(examples("json")[0])
    (api,) = Stack(STACK.path, {"ApiLogging": "existing"}).of_type("AWS::Serverless::Api")
    assert list(shown) == list(json.loads(api[1]["AccessLogSetting"]["Format"]))


def test_the_manual_shows_a_turns_line_as_it_is_written(traced: Traced) -> None:
    shown = json.loads(examples("json")[1])
    (line,) = [
        one.record
        for one in traced.deployment.own()
        if one.record.get("turn_id") == traced.turn["turn_id"] and one.record["message"] == "turn ended"
    ]
    assert list(shown) == list(line)
    same = ("message", "function_name", "model_name", "status", "calls", "finish_reason", "input_tokens", "repeated")
    assert {name: shown[name] for name in same} == {name: line[name] for name in same}


def test_the_manual_shows_a_trace_as_it_is_sent(traced: Traced) -> None:
    def lines(span: Received, depth: int) -> Iterator[str]:
        yield "  " * depth + span.name
        for inner in sorted(traced.spans, key=lambda one: one.began):
            if inner.parent_id == span.span_id and inner.name != LOOKS:
                yield from lines(inner, depth + 1)

    assert examples("text")[1].splitlines() == list(lines(traced.one(SEND), 0))


def test_the_manual_names_members_of_a_line_to_search_for(traced: Traced) -> None:
    named = set(re.findall(r"\b([a-z]+_id|[a-z_]+_ms)\b", examples("text")[0]))
    line = json.loads(examples("json")[1])
    assert named <= set(line)
