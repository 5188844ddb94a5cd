"""A graph that says what a test has written down, piece by piece, for those who stream it."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from typing import Any

from langchain_core.callbacks import AsyncCallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage, HumanMessage, ToolMessage
from langchain_core.messages.tool import tool_call_chunk
from langchain_core.outputs import ChatGenerationChunk, ChatResult
from langgraph.config import get_stream_writer
from langgraph.graph import END, START, MessagesState, StateGraph


@dataclass(frozen=True)
class Step:
    """A step of the graph: a message of the model's in pieces, or at once where it is not `streamed`, or a result."""

    pieces: Sequence[str] = ()
    thoughts: Sequence[str] = ()
    custom: Sequence[Any] = ()
    calls: Sequence[str] = ()
    result: str | None = None
    streamed: bool = True


@dataclass
class Script:
    steps: Sequence[Step]
    pause: float = 0.0
    """Seconds before each piece."""
    amid: Callable[[], object] = list
    """Called, in a thread, before the last piece of each message."""


script: list[Script] = [Script([Step(["hello"])])]
"""The last is what the graph says."""


class Speaker(BaseChatModel):
    """Says one step."""

    step: Any
    script: Any

    @property
    def _llm_type(self) -> str:
        return "speaker"

    def _generate(self, messages: list[BaseMessage], *_: Any, **__: Any) -> ChatResult:
        raise NotImplementedError

    async def _astream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **_: Any,
    ) -> AsyncIterator[ChatGenerationChunk]:
        for chunk in _chunks(self.step):
            await asyncio.sleep(self.script.pause)
            if chunk.chunk_position == "last":
                await asyncio.to_thread(self.script.amid)
            yield ChatGenerationChunk(message=chunk)


def _chunks(step: Step) -> list[AIMessageChunk]:
    thoughts = [AIMessageChunk(content="", additional_kwargs={"reasoning_content": one}) for one in step.thoughts]
    words = [AIMessageChunk(content=one) for one in step.pieces[:-1]]
    calls = [tool_call_chunk(name="look", args='{"at": 1}', id=one, index=at) for at, one in enumerate(step.calls)]
    last = AIMessageChunk(content="".join(step.pieces[-1:]), tool_call_chunks=calls, chunk_position="last")
    return [*thoughts, *words, last]


def spoken(model: BaseChatModel, system_prompt: str, checkpointer: Any) -> Any:
    """Goes through the steps of the script, one after the other."""
    followed = script[-1]

    async def say(state: MessagesState) -> dict[str, Any]:
        step = followed.steps[_said(state)]
        for value in step.custom:
            get_stream_writer()(value)
        if step.result is not None:
            return {"messages": [ToolMessage(step.result, tool_call_id="call")]}
        if not step.streamed:
            return {"messages": [AIMessage("".join(step.pieces))]}
        return {"messages": [await Speaker(step=step, script=followed).ainvoke(state["messages"])]}

    graph = StateGraph(MessagesState)
    graph.add_node("say", say)
    graph.add_edge(START, "say")
    graph.add_conditional_edges("say", lambda state: END if _said(state) == len(followed.steps) else "say")
    return graph.compile(checkpointer=checkpointer)


def _said(state: MessagesState) -> int:
    """Messages since the question."""
    last = max(at for at, one in enumerate(state["messages"]) if isinstance(one, HumanMessage))
    return len(state["messages"]) - last - 1
