"""Models that answer as they are told, by the names of real ones, and the graph that runs them with their tools."""

import asyncio
import json
import random
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from langchain_core.callbacks import AsyncCallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage, ToolMessage
from langchain_core.messages.ai import UsageMetadata
from langchain_core.messages.tool import tool_call_chunk
from langchain_core.outputs import ChatGenerationChunk, ChatResult
from langgraph.graph import END, START, MessagesState, StateGraph

from chatkeep.agent import providers
from chatkeep.agent.models.model_settings import ModelSettings
from chatkeep.agent.providers import Provider
from chatkeep.turns.model_calls import MODEL_NAME
from chatkeep.turns.supervision import LOOK_SECONDS
from infra.local.demo.story import Exchange
from infra.local.demo.told_time import ToldTime

PROMPT_TOKENS = 5_200
"""Of the prompt, the tools and the documents that a deployment sends before what was said."""
CHARACTERS = 4
"""Of a token, about."""
TOOL_SECONDS = 0.7
NAP_SECONDS = 0.01
"""Of the real clock."""


@dataclass(frozen=True)
class Pace:
    """Seconds to the first word, tokens a second, and tokens of thought for each that is said."""

    first: float
    per_second: float
    thoughts: float = 0


PACES = {"gpt-5": Pace(1.9, 95, 0.9), "gpt-5-mini": Pace(0.9, 140, 0.4), "amazon.nova-lite-v1:0": Pace(0.35, 190)}
USUAL = Pace(1.2, 75)


class ToldError(Exception):
    """The provider went away in the middle of an answer."""

    status_code = 503


@dataclass(frozen=True)
class Cue:
    """What the models say next; `stop` is how their user stops them."""

    exchange: Exchange
    time: ToldTime
    drawn: random.Random
    stop: Callable[[], object]


_cues: list[Cue] = []


@contextmanager
def telling(cue: Cue) -> Iterator[None]:
    """Have the models say that."""
    _cues.append(cue)
    try:
        yield
    finally:
        _cues.pop()


class ToldModel(BaseChatModel):
    """Says the exchange of the cue: a call of its tool first, where it has one."""

    model: str

    @property
    def _llm_type(self) -> str:
        return "told"

    def _generate(self, messages: list[BaseMessage], *_: Any, **__: Any) -> ChatResult:
        raise NotImplementedError

    async def _astream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **_: Any,
    ) -> AsyncIterator[ChatGenerationChunk]:
        cue, pace = _cues[-1], PACES.get(self.model, USUAL)
        exchange = cue.exchange
        cue.time.pass_by(pace.first * cue.drawn.uniform(0.7, 1.5))
        if exchange.ends == "refused":
            raise ToldError("the model is overloaded")
        if exchange.call and not isinstance(messages[-1], ToolMessage):
            arguments = json.dumps(exchange.call.arguments)
            call = tool_call_chunk(name=exchange.call.name, args=arguments, id=f"call_{len(messages)}", index=0)
            yield _chunk("", usage=self._usage(messages, arguments, pace), tool_call_chunks=[call])
            return
        first, rest = exchange.answer[:12], exchange.answer[12:]
        yield _chunk(first)
        if exchange.ends:
            yield _chunk(rest[: len(rest) // 2])
            await self._end(cue)
        cue.time.pass_by(len(rest) / CHARACTERS / pace.per_second * cue.drawn.uniform(0.8, 1.3))
        yield _chunk(rest, usage=self._usage(messages, exchange.answer, pace), finish_reason="stop")

    async def _end(self, cue: Cue) -> None:
        """Break off in the middle of an answer, or wait to be stopped."""
        cue.time.pass_by(3)
        if cue.exchange.ends == "broken":
            raise ToldError("the model is overloaded")
        await asyncio.to_thread(cue.stop)
        with cue.time.uncounted():
            while True:  # until the turn has looked whether it is stopped
                cue.time.pass_by(LOOK_SECONDS)
                await asyncio.to_thread(time.sleep, NAP_SECONDS)

    def _usage(self, read: Sequence[BaseMessage], said: str, pace: Pace) -> UsageMetadata:
        tokens = PROMPT_TOKENS + sum(len(one.text) for one in read) // CHARACTERS
        spoken = max(1, len(said) // CHARACTERS)
        thoughts = round(spoken * pace.thoughts)
        return UsageMetadata(
            input_tokens=tokens,
            output_tokens=spoken + thoughts,
            total_tokens=tokens + spoken + thoughts,
            output_token_details={"reasoning": thoughts},
        )


def _chunk(
    text: str, *, usage: UsageMetadata | None = None, finish_reason: str = "", **more: Any
) -> ChatGenerationChunk:
    message = AIMessageChunk(content=text, usage_metadata=usage, chunk_position="last" if usage else None, **more)
    return ChatGenerationChunk(
        message=message, generation_info={"finish_reason": finish_reason} if finish_reason else None
    )


def make(wanted: ModelSettings) -> ToldModel:
    return ToldModel(model=wanted.model, metadata={MODEL_NAME: wanted.model_name})


@contextmanager
def standing_in() -> Iterator[None]:
    """Have these models answer in place of the real ones, at the prices of those."""
    before = {name: providers.PROVIDERS[name] for name in ("bedrock", "openai")}
    providers.PROVIDERS.update({name: Provider(__name__, one.price_id) for name, one in before.items()})
    try:
        yield
    finally:
        providers.PROVIDERS.update(before)


def graph(model: BaseChatModel, system_prompt: str, checkpointer: Any) -> Any:
    """The model, and its tools as long as it calls some."""

    async def answer(state: MessagesState) -> dict[str, Any]:
        return {"messages": [await model.ainvoke(state["messages"])]}

    def tools(state: MessagesState) -> dict[str, Any]:
        cue, asked = _cues[-1], state["messages"][-1]
        assert isinstance(asked, AIMessage)
        assert cue.exchange.call is not None
        cue.time.pass_by(TOOL_SECONDS)
        return {"messages": [ToolMessage(cue.exchange.call.result, tool_call_id=one["id"]) for one in asked.tool_calls]}

    made = StateGraph(MessagesState)
    made.add_node("answer", answer)
    made.add_node("tools", tools)
    made.add_edge(START, "answer")
    made.add_edge("tools", "answer")
    made.add_conditional_edges("answer", lambda state: "tools" if state["messages"][-1].tool_calls else END)
    return made.compile(checkpointer=checkpointer)
