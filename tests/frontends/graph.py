"""A graph such as a deployment might have: it answers questions about tools and `hold PATH`, the model any other."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

from langchain.agents import create_agent
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessageChunk, BaseMessage, ToolMessage
from langchain_core.messages.ai import UsageMetadata
from langchain_core.outputs import ChatGenerationChunk, ChatResult
from langchain_core.tools import ToolException, tool

from chatkeep.agent.models.within_context import WithinContext

USAGE = UsageMetadata(input_tokens=10, output_tokens=5, total_tokens=15)
CALLS = (("call-rain", "forecast", '{"place": "Bergen"}'), ("call-moon", "forecast", '{"place": "the moon"}'))
MOST_LOOKS = 3_000


@tool
def forecast(place: str) -> str:
    """The weather of a place on earth."""
    if place == "the moon":
        raise ToolException("there is no weather")
    return "rain"


forecast.handle_tool_error = True


class Forecaster(WithinContext):
    """Thinks and calls a tool twice where it is asked about tools; else `model` answers.

    Asked to `hold PATH`, it says one half of its answer, and the other when there is such a file.
    """

    model: Any

    @property
    def _llm_type(self) -> str:
        return "forecaster"

    def bind_tools(self, tools: Sequence[Any], **_: Any) -> "Forecaster":  # type: ignore[override]
        return self

    def _generate(self, messages: list[BaseMessage], *_: Any, **__: Any) -> ChatResult:
        raise NotImplementedError

    async def _astream(
        self, messages: list[BaseMessage], stop: Any = None, run_manager: Any = None, **more: Any
    ) -> AsyncIterator[ChatGenerationChunk]:
        last = messages[-1]
        if isinstance(last, ToolMessage):
            said = _of([AIMessageChunk("Take an "), AIMessageChunk("umbrella.")])
        elif last.text.startswith("tools"):
            said = _of([*_thinking(), *_calling()])
        elif last.text.startswith("hold "):
            said = _held(Path(last.text.removeprefix("hold ")))
        else:
            async for chunk in self.model._astream(messages, stop, run_manager, **more):
                yield chunk
            return
        async for one in said:
            yield ChatGenerationChunk(message=one)
        yield ChatGenerationChunk(message=AIMessageChunk("", usage_metadata=USAGE, chunk_position="last"))


async def _of(chunks: Sequence[AIMessageChunk]) -> AsyncIterator[AIMessageChunk]:
    for chunk in chunks:
        yield chunk


async def _held(gate: Path) -> AsyncIterator[AIMessageChunk]:
    for word in ("This ", "is ", "one ", "half, "):
        yield AIMessageChunk(word)
    for _ in range(MOST_LOOKS):
        if gate.exists():
            break
        await asyncio.sleep(0.01)
    for word in ("and ", "this ", "the ", "other."):
        yield AIMessageChunk(word)


def _thinking() -> list[AIMessageChunk]:
    thoughts = ("The weather ", "is asked for.")
    return [
        *(AIMessageChunk("", additional_kwargs={"reasoning_content": thought}) for thought in thoughts),
        AIMessageChunk("Let me "),
        AIMessageChunk("look."),
    ]


def _calling() -> list[AIMessageChunk]:
    calls = ({"index": at, "id": its_id, "name": name, "args": args} for at, (its_id, name, args) in enumerate(CALLS))
    return [AIMessageChunk("", tool_call_chunks=[{**call, "type": "tool_call_chunk"}]) for call in calls]


def forecasting(model: BaseChatModel, system_prompt: str, checkpointer: Any) -> Any:
    """An agent with a tool."""
    context = {name: getattr(model, name) for name in ("metadata", "context", "answer_by")}
    return create_agent(Forecaster(model=model, **context), [forecast], checkpointer=checkpointer)
