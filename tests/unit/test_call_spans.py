"""The spans of a run's model and tool calls, from LangChain's own callbacks."""

from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest
from langchain_core.language_models import FakeListChatModel, FakeMessagesListChatModel
from langchain_core.messages import AIMessage
from langchain_core.runnables import RunnableLambda
from langchain_core.tools import tool

from chatkeep import tracing
from chatkeep.tracing import Kind
from chatkeep.turns.spans import SpanRecorder, model_attributes
from tests.collector import Collector, tracing_here

MODEL = FakeListChatModel(responses=["walrus"])


@pytest.fixture
def collector(monkeypatch: pytest.MonkeyPatch) -> Iterator[Collector]:
    with tracing_here(monkeypatch) as found:
        yield found


@tool
def research(words: str) -> str:
    """Asks a model of its own."""
    chain = RunnableLambda(lambda asked: asked) | MODEL
    return str(chain.invoke(words).text)


@tool
def fail(words: str) -> str:
    """Fails with what it was told."""
    raise ValueError(words)


def run(recorder: SpanRecorder, called: Any, given: Any) -> None:
    """Call it as a graph does, within a request and a turn."""
    with tracing.request("GET /", Kind.SERVER, {}), tracing.span("invoke_agent", {}):
        try:
            called.invoke(given, {"callbacks": [recorder], "run_name": "graph"})
        except ValueError:
            pass
        finally:
            recorder.stop()


def test_a_model_that_a_tool_asks_lies_below_the_tool(collector: Collector) -> None:
    run(SpanRecorder("a-session"), research, {"words": "walrus"})
    assert collector.tree() == {"GET /": {"invoke_agent": {"execute_tool research": {"chat unknown": {}}}}}


def test_a_tool_that_fails_is_marked_with_its_class_alone(collector: Collector) -> None:
    run(SpanRecorder("a-session"), fail, {"words": "walrus"})
    assert collector.named("execute_tool fail").attributes["error.type"] == "ValueError"
    assert b"walrus" not in b"".join(collector.bodies)


def test_neither_what_is_said_nor_what_is_called_for_is_in_a_span(collector: Collector) -> None:
    call = {"name": "walrus", "args": {"walrus": "walrus"}, "id": "walrus"}
    metadata = {"model_name": "walrus said so", "finish_reason": "walrus"}
    answer = AIMessage("walrus", tool_calls=[call], response_metadata=metadata)
    run(SpanRecorder("a-session"), FakeMessagesListChatModel(responses=[answer]), "walrus")
    (span,) = [one for one in collector.spans if one.name.startswith("chat")]
    assert span.attributes["gen_ai.response.finish_reasons"] == ["unknown"]
    assert b"walrus" not in b"".join(collector.bodies)


def test_a_call_that_the_turn_leaves_behind_is_ended_with_it_and_later_news_of_it_is_dropped(
    collector: Collector,
) -> None:
    recorder, run_id = SpanRecorder("a-session"), uuid4()
    with tracing.request("first", Kind.SERVER, {}):
        recorder.on_chat_model_start({}, [[]], run_id=run_id)
        recorder.stop()
    with tracing.request("second", Kind.SERVER, {}):
        recorder.on_llm_new_token("a", run_id=run_id)
        recorder.on_llm_error(ValueError("walrus"), run_id=run_id)
    assert collector.tree() == {"first": {"chat unknown": {}}, "second": {}}
    assert collector.named("chat unknown").attributes["error.type"] == "cancelled"


@pytest.mark.parametrize(
    ("name", "provider", "model"),
    [
        ("bedrock:anthropic.claude-haiku-4-5-v1:0", "aws.bedrock", "anthropic.claude-haiku-4-5-v1:0"),
        ("openai:gpt-4o", "openai", "gpt-4o"),
        ("local:tiny", "local", "tiny"),
    ],
)
def test_a_provider_has_the_name_that_the_conventions_give_it(name: str, provider: str, model: str) -> None:
    assert model_attributes(name) == {"gen_ai.provider.name": provider, "gen_ai.request.model": model}
