"""Models that are given what fits into their context."""

import asyncio
import math
import time
from collections.abc import AsyncIterator, Callable, Generator, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from functools import partial
from typing import Any, Self

from langchain_core.language_models import BaseChatModel
from langchain_core.language_models.base import LanguageModelInput
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage
from langchain_core.outputs import ChatGeneration, LLMResult
from langchain_core.runnables import RunnableConfig
from langchain_core.runnables.config import ensure_config

from chatkeep.agent.context.compaction import compacted
from chatkeep.agent.context.fitting import Fitting
from chatkeep.agent.context.policy import Policy
from chatkeep.agent.context.prompts import Prompts, Result
from chatkeep.agent.context.summarizing import Prompt
from chatkeep.turns import summaries
from chatkeep.turns.call_recorder import SUMMARIZATION
from chatkeep.turns.summaries import Compacted

LONGEST_SECONDS = 120.0
"""Of one summary; in a turn never more than half of what is left, so that the answer has its time too."""

Options = dict[str, Any]


class Marked:
    """The chunks of one answer, with what it has to carry in the first that says something.

    Those before are held back: they say only that the call has begun, and it may be refused yet.
    """

    def __init__(self, fitting: Fitting) -> None:
        self.has_begun = False
        self._fitting = fitting
        self._held: list[AIMessageChunk] = []

    def add(self, chunk: AIMessageChunk) -> list[AIMessageChunk]:
        """The chunks that can be passed on now."""
        if self.has_begun:
            return [chunk]
        self._held.append(chunk)
        return self.end() if _says_something(chunk) else []

    def end(self) -> list[AIMessageChunk]:
        """The chunks that were held back."""
        told, self._held = self._held, []
        self.has_begun = self.has_begun or bool(told)
        if told:
            self._fitting.mark(told[0])
        return told


class WithinContext(BaseChatModel):
    """A mixin that stands before a provider's class among the bases: fits each prompt into the context before the call
    begins, so that whoever listens to calls hears of what is really sent.

    An answer for which a summary was made carries it. Without a `context` prompts are sent as they are.
    """

    context: Policy | None = None
    answer_by: float = math.inf

    async def agenerate(
        self, messages: list[list[BaseMessage]], stop: list[str] | None = None, callbacks: Any = None, **options: Any
    ) -> LLMResult:
        fitting = self._fitting(messages, options)
        if fitting is None:
            return await super().agenerate(messages, stop, callbacks, **options)
        while True:
            await self._asummarised(fitting.fit(), _of_call(callbacks, options))
            try:
                called = _with_summary(options, fitting)
                result = await self._fitted(fitting).agenerate([fitting.prompt], stop, callbacks, **called)
            except Exception as error:
                if not fitting.refused(error):
                    raise
                options["run_id"] = None
            else:
                return _marked(result, fitting)

    def generate(
        self, messages: list[list[BaseMessage]], stop: list[str] | None = None, callbacks: Any = None, **options: Any
    ) -> LLMResult:
        fitting = self._fitting(messages, options)
        if fitting is None:
            return super().generate(messages, stop, callbacks, **options)
        while True:
            self._summarised(fitting.fit(), _of_call(callbacks, options))
            try:
                called = _with_summary(options, fitting)
                result = self._fitted(fitting).generate([fitting.prompt], stop, callbacks, **called)
            except Exception as error:
                if not fitting.refused(error):
                    raise
                options["run_id"] = None
            else:
                return _marked(result, fitting)

    async def astream(
        self,
        input: LanguageModelInput,  # noqa: A002  as the base has it
        config: RunnableConfig | None = None,
        *,
        stop: list[str] | None = None,
        **options: Any,
    ) -> AsyncIterator[AIMessageChunk]:
        fitting = self._fitting([self._convert_input(input).to_messages()], options)
        if fitting is None:
            async for chunk in super().astream(input, config, stop=stop, **options):
                yield chunk
            return
        config = ensure_config(config)
        while True:
            answer = Marked(fitting)
            await self._asummarised(fitting.fit(), config)
            called = _with_summary(config, fitting)
            try:
                async for chunk in self._fitted(fitting).astream(fitting.prompt, called, stop=stop, **options):
                    for told in answer.add(chunk):
                        yield told
            except Exception as error:
                if answer.has_begun or not fitting.refused(error):
                    raise
                config = {**config, "run_id": None}
            else:
                for told in answer.end():
                    yield told
                return

    def stream(
        self,
        input: LanguageModelInput,  # noqa: A002  as the base has it
        config: RunnableConfig | None = None,
        *,
        stop: list[str] | None = None,
        **options: Any,
    ) -> Iterator[AIMessageChunk]:
        fitting = self._fitting([self._convert_input(input).to_messages()], options)
        if fitting is None:
            yield from super().stream(input, config, stop=stop, **options)
            return
        config = ensure_config(config)
        while True:
            answer = Marked(fitting)
            self._summarised(fitting.fit(), config)
            called = _with_summary(config, fitting)
            try:
                for chunk in self._fitted(fitting).stream(fitting.prompt, called, stop=stop, **options):
                    yield from answer.add(chunk)
            except Exception as error:
                if answer.has_begun or not fitting.refused(error):
                    raise
                config = {**config, "run_id": None}
            else:
                yield from answer.end()
                return

    def _fitting(self, messages: list[list[BaseMessage]], options: Options) -> Fitting | None:
        if self.context is None or len(messages) != 1:
            return None
        return Fitting(self.context, messages[0], options.get("tools"))

    async def compact(self, messages: Sequence[BaseMessage], config: RunnableConfig) -> Compacted:
        """A summary of all messages. Raises NothingToSummarizeError, or the error of the model."""
        assert self.context is not None
        return await self._asummarised(compacted(self.context, messages), config, most_of_time=1.0)

    async def _asummarised(
        self, steps: Generator[Prompt, AIMessage, Result], config: RunnableConfig, most_of_time: float = 0.5
    ) -> Result:
        """Ask for the summaries that `steps` want, each in that part of the time that is left."""
        prompts = Prompts(steps)
        while prompts.waiting is not None:
            model, seconds = self._summarizing(prompts.waiting, most_of_time)
            asked = model.ainvoke(prompts.waiting.messages, _aside(config))
            try:
                answer = await asyncio.wait_for(asked, seconds)
            except Exception as error:
                prompts.fail(error)
            else:
                prompts.answer(answer)
        return prompts.result

    def _summarised(self, steps: Generator[Prompt, AIMessage, Result], config: RunnableConfig) -> Result:
        prompts = Prompts(steps)
        while prompts.waiting is not None:
            model, seconds = self._summarizing(prompts.waiting)
            asked = partial(model.invoke, prompts.waiting.messages, _aside(config))
            try:
                answer = _within(seconds, asked)
            except Exception as error:
                prompts.fail(error)
            else:
                prompts.answer(answer)
        return prompts.result

    def _fitted(self, fitting: Fitting) -> Self:
        """The model for the prompt, which fits already; its answer may take what the context has room for."""
        changed: Options = {"context": None}
        most = getattr(self, "max_tokens", None)
        if most is not None and fitting.answer_tokens is not None:
            changed["max_tokens"] = min(most, fitting.answer_tokens)
        return self.model_copy(update=changed)

    def _summarizing(self, prompt: Prompt, most_of_time: float = 0.5) -> tuple[Self, float]:
        """The model for a summary, and the seconds that it may take."""
        seconds = min(LONGEST_SECONDS, (self.answer_by - time.monotonic()) * most_of_time)
        asked: Options = {"context": None, "answer_by": time.monotonic() + seconds}
        if (most := getattr(self, "max_tokens", None)) is not None:
            asked["max_tokens"] = max(self.context.answer_tokens if self.context else most, prompt.answer_tokens)
        if hasattr(self, "prompt_caching"):  # what is asked once is not worth what a cache takes for keeping it
            asked["prompt_caching"] = False
        return self.model_copy(update=asked), seconds


def _says_something(chunk: AIMessage) -> bool:
    if not isinstance(chunk, AIMessageChunk):  # a whole answer, of an endpoint that does not stream
        return True
    return any((chunk.content, chunk.tool_call_chunks, chunk.additional_kwargs, chunk.usage_metadata))


def _of_call(callbacks: Any, options: Options) -> RunnableConfig:
    return RunnableConfig(callbacks=callbacks, metadata=options.get("metadata") or {})


def _aside(config: RunnableConfig) -> RunnableConfig:
    """For a call whose words are no part of the answer."""
    metadata = {name: value for name, value in (config.get("metadata") or {}).items() if name != summaries.KEY}
    return RunnableConfig(callbacks=config.get("callbacks"), metadata=metadata, tags=[SUMMARIZATION])


def _with_summary(call: Mapping[str, Any], fitting: Fitting) -> Any:
    """The options or the configuration of the call itself, with the summary that was made for it."""
    more = fitting.made.as_metadata() if fitting.made else {}
    return {**call, "metadata": {**(call.get("metadata") or {}), **more}}


def _marked(result: LLMResult, fitting: Fitting) -> LLMResult:
    for generations in result.generations:
        for generation in generations:
            if isinstance(generation, ChatGeneration):
                fitting.mark(generation.message)
    return result


def _within(seconds: float, call: Callable[[], Result]) -> Result:
    """What `call` returns, in a thread of its own, as a provider's client may wait for longer. Raises TimeoutError."""
    pool = ThreadPoolExecutor(1)
    try:
        return pool.submit(copy_context().run, call).result(seconds)
    finally:
        pool.shutdown(wait=False)
