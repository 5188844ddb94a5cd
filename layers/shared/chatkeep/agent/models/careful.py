"""The care that every provider's class takes: history that endpoints accept, answers that can be stored, one retry."""

import math
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing, closing
from typing import Any

from langchain_core.callbacks import AsyncCallbackManagerForLLMRun, CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel
from langchain_core.language_models.chat_models import generate_from_stream
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage
from langchain_core.outputs import ChatGenerationChunk, ChatResult

from chatkeep.agent.models.failures import pause
from chatkeep.agent.models.history import admissible
from chatkeep.agent.models.reading import FRAGMENTS, Reading
from chatkeep.retrying import sleep, sleep_on_loop
from chatkeep.turns.call_recorder import RefusedChunk


class Careful(BaseChatModel):
    """A mixin that stands before a provider's class among the bases.

    A request refused for a short moment is retried once, unless part of the answer has already come. The last words and
    the usage of a broken answer come in a last chunk before the error.
    """

    answer_by: float = math.inf
    """The end of the turn's time, by `time.monotonic`."""

    async def _astream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> AsyncIterator[ChatGenerationChunk]:
        asked, again = self._asked(messages, kwargs), True
        while True:
            reading = Reading()
            try:
                async with aclosing(self._provider_astream(asked, stop, kwargs)) as stream:
                    async for chunk in stream:
                        if (told := reading.add(chunk)) is not None:
                            yield told
            except Exception as error:
                if reading.started:
                    yield reading.end()
                    raise
                wait, again = self._pause(error, again), False
                yield _refused()
                await sleep_on_loop(wait)
                continue
            yield reading.end()
            return

    def _stream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> Iterator[ChatGenerationChunk]:
        asked, again = self._asked(messages, kwargs), True
        while True:
            reading = Reading()
            try:
                with closing(super()._stream(asked, stop, **kwargs)) as stream:  # type: ignore[type-var]
                    for chunk in stream:
                        if (told := reading.add(chunk)) is not None:
                            yield told
            except Exception as error:
                if reading.started:
                    yield reading.end()
                    raise
                wait, again = self._pause(error, again), False
                yield _refused()
                sleep(wait)
                continue
            yield reading.end()
            return

    async def _agenerate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        asked = self._asked(messages, kwargs)
        try:
            return _reread(await self._provider_agenerate(asked, stop, kwargs))
        except Exception as error:
            wait = self._pause(error, again=True)
            if run_manager:
                await run_manager.on_llm_new_token("", chunk=_refused())
            await sleep_on_loop(wait)
        return _reread(await self._provider_agenerate(asked, stop, kwargs))

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        asked = self._asked(messages, kwargs)
        try:
            return _reread(super()._generate(asked, stop, **kwargs))  # type: ignore[safe-super]
        except Exception as error:
            wait = self._pause(error, again=True)
            if run_manager:
                run_manager.on_llm_new_token("", chunk=_refused())
            sleep(wait)
        return _reread(super()._generate(asked, stop, **kwargs))  # type: ignore[safe-super]

    def _provider_astream(self, messages: list[BaseMessage], stop: list[str] | None, options: dict[str, Any]) -> Any:
        return super()._astream(messages, stop, **options)

    async def _provider_agenerate(
        self, messages: list[BaseMessage], stop: list[str] | None, options: dict[str, Any]
    ) -> ChatResult:
        return await super()._agenerate(messages, stop, **options)

    def _asked(self, messages: list[BaseMessage], options: dict[str, Any]) -> list[BaseMessage]:
        return admissible(messages, tools=bool(options.get("tools")))

    def _pause(self, error: Exception, again: bool) -> float:
        """Seconds until the retry. Raises `error` if there is none."""
        seconds = pause(error, self.answer_by - time.monotonic()) if again else None
        if seconds is None:
            raise error
        return seconds


def _refused() -> RefusedChunk:
    return RefusedChunk(message=AIMessageChunk(content=""))


def _reread(result: ChatResult) -> ChatResult:
    """A whole answer, read as a stream of one chunk."""
    generation = result.generations[0]
    message = generation.message
    assert isinstance(message, AIMessage)
    calls = message.additional_kwargs.get(FRAGMENTS) or [
        {"index": place, "id": call["id"], "name": call["name"], "args": call["args"]}
        for place, call in enumerate([*message.tool_calls, *message.invalid_tool_calls])
    ]
    chunk = AIMessageChunk(
        content=message.content,
        additional_kwargs={**message.additional_kwargs, FRAGMENTS: calls},
        response_metadata={**(result.llm_output or {}), **message.response_metadata},
        usage_metadata=message.usage_metadata,
        id=message.id,
    )
    reading = Reading()
    told = reading.add(ChatGenerationChunk(message=chunk, generation_info=generation.generation_info))
    return generate_from_stream(one for one in (told, reading.end()) if one is not None)
