"""The spans of a run's model and tool calls, from LangChain's own callbacks."""

from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest
from langchain_core.language_models import FakeListChatModel, FakeMessagesListChatModel
from langchain_core.messages import AIMessage, AIMessageChunk
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, LLMResult
from langchain_core.retrievers import BaseRetriever
from langchain_core.runnables import RunnableLambda
from langchain_core.tools import tool

from chatkeep import tracing
from chatkeep.tracing import Kind
from chatkeep.turns.call_recorder import RefusedChunk
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
    """Fails with its argument as the message."""
    raise ValueError(words)


class Asking(BaseRetriever):
    """Has a model put the question."""

    def _get_relevant_documents(self, query: str, *, run_manager: Any) -> list[Any]:
        MODEL.invoke(query, {"callbacks": run_manager.get_child()})
        return []


@tool
def look_up(words: str) -> str:
    """Finds documents."""
    return str(Asking().invoke(words))


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


def test_a_model_that_a_tools_retriever_asks_lies_below_the_tool(collector: Collector) -> None:
    run(SpanRecorder("a-session"), look_up, {"words": "walrus"})
    assert collector.tree() == {"GET /": {"invoke_agent": {"execute_tool look_up": {"chat unknown": {}}}}}


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


def streamed(recorder: SpanRecorder, *chunks: ChatGenerationChunk, usage: Any = None) -> None:
    """A call whose answer comes in these pieces."""
    run_id = uuid4()
    recorder.on_chat_model_start({}, [[]], run_id=run_id)
    for chunk in chunks:
        recorder.on_llm_new_token(chunk.text, chunk=chunk, run_id=run_id)
    answer = ChatGeneration(message=AIMessage("walrus", usage_metadata=usage))
    recorder.on_llm_end(LLMResult(generations=[[answer]]), run_id=run_id)


def test_a_refusal_is_no_first_piece_of_an_answer(collector: Collector) -> None:
    piece, refusal = (kind(message=AIMessageChunk(content="")) for kind in (ChatGenerationChunk, RefusedChunk))
    with tracing.request("refused", Kind.SERVER, {}):
        streamed(SpanRecorder("a-session"), refusal)
    with tracing.request("heard", Kind.SERVER, {}):
        streamed(SpanRecorder("a-session"), refusal, piece)
    refused, heard = (one.attributes for one in collector.spans if one.name == "chat unknown")
    assert "gen_ai.response.time_to_first_chunk" not in refused
    assert heard["gen_ai.response.time_to_first_chunk"] > 0
    assert heard["gen_ai.request.stream"] is True


def test_what_a_provider_has_kept_for_the_next_call_is_told(collector: Collector) -> None:
    details = {"cache_read": 10, "cache_creation": 20, "ephemeral_5m_input_tokens": 5}
    usage = {"input_tokens": 90, "output_tokens": 5, "total_tokens": 95, "input_token_details": details}
    with tracing.request("GET /", Kind.SERVER, {}):
        streamed(SpanRecorder("a-session"), usage=usage)
    attributes = collector.named("chat unknown").attributes
    assert attributes["gen_ai.usage.cache_read.input_tokens"] == 10
    assert attributes["gen_ai.usage.cache_creation.input_tokens"] == 25


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
