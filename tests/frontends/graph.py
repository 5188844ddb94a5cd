"""A graph such as a deployment might have: a question about tools is answered with some, any other by the model."""

from collections.abc import AsyncIterator, Sequence
from typing import Any

from langchain.agents import create_agent
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessageChunk, BaseMessage, ToolMessage
from langchain_core.messages.ai import UsageMetadata
from langchain_core.outputs import ChatGenerationChunk, ChatResult
from langchain_core.tools import ToolException, tool

USAGE = UsageMetadata(input_tokens=10, output_tokens=5, total_tokens=15)
CALLS = (("call-rain", "forecast", '{"place": "Bergen"}'), ("call-moon", "forecast", '{"place": "the moon"}'))


@tool
def forecast(place: str) -> str:
    """The weather of a place on earth."""
    if place == "the moon":
        raise ToolException("there is no weather")
    return "rain"


forecast.handle_tool_error = True


class Forecaster(BaseChatModel):
    """Thinks and calls a tool twice where it is asked about tools; else `model` answers."""

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
            said = [AIMessageChunk("Take an "), AIMessageChunk("umbrella.")]
        elif last.text.startswith("tools"):
            said = [*_thinking(), *_calling()]
        else:
            async for chunk in self.model._astream(messages, stop, run_manager, **more):
                yield chunk
            return
        for one in [*said, AIMessageChunk("", usage_metadata=USAGE, chunk_position="last")]:
            yield ChatGenerationChunk(message=one)


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
    return create_agent(Forecaster(model=model, metadata=model.metadata), [forecast], checkpointer=checkpointer)
