"""Models that follow a script: for tests and demonstrations, never for production."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from typing import Any

from langchain_core.callbacks import AsyncCallbackManagerForLLMRun, CallbackManagerForLLMRun
from langchain_core.language_models.chat_models import generate_from_stream
from langchain_core.messages import AIMessageChunk, BaseMessage
from langchain_core.messages.ai import UsageMetadata
from langchain_core.outputs import ChatGenerationChunk, ChatResult

from chatkeep.agent.models.model_settings import ModelSettings
from chatkeep.agent.models.within_context import WithinContext
from chatkeep.agent.settings import settings
from chatkeep.errors import ModelNotSupportedError
from chatkeep.turns.model_calls import MODEL_NAME

SCRIPTS = ("echo", "slow", "fail")
SLOW_SECONDS = 2.0


class ScriptedError(Exception):
    """The script says that the model fails."""


class ScriptedModel(WithinContext):
    """`echo` answers `echo: ` and the last message; `slow` the same over two seconds; `fail` raises.

    A token is a word: input counts the last message's, output the answer's.
    """

    script: str

    @property
    def _llm_type(self) -> str:
        return "scripted"

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        return generate_from_stream(self._stream(messages, stop, run_manager, **kwargs))

    def _stream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> Iterator[ChatGenerationChunk]:
        for pause, chunk in self._chunks(messages):
            time.sleep(pause)
            if run_manager:
                run_manager.on_llm_new_token(chunk.text, chunk=chunk)
            yield chunk

    async def _astream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> AsyncIterator[ChatGenerationChunk]:
        for pause, chunk in self._chunks(messages):
            await asyncio.sleep(pause)
            if run_manager:
                await run_manager.on_llm_new_token(chunk.text, chunk=chunk)
            yield chunk

    def _chunks(self, messages: list[BaseMessage]) -> Iterator[tuple[float, ChatGenerationChunk]]:
        if self.script == "fail":
            raise ScriptedError("the script says to fail")
        said = messages[-1].text
        answer = f"echo: {said}"
        pieces = answer.split(" ")
        pause = SLOW_SECONDS / len(pieces) if self.script == "slow" else 0.0
        for number, piece in enumerate(pieces):
            text = piece if number == 0 else f" {piece}"
            yield pause, ChatGenerationChunk(message=AIMessageChunk(content=text))
        read, written = len(said.split()), len(answer.split())
        usage = UsageMetadata(input_tokens=read, output_tokens=written, total_tokens=read + written)
        last = AIMessageChunk(content="", usage_metadata=usage, chunk_position="last")
        yield 0.0, ChatGenerationChunk(message=last, generation_info={"finish_reason": "stop"})


def make(wanted: ModelSettings) -> ScriptedModel:
    """The model that follows the script of this name. Raises ModelNotSupportedError."""
    if not settings().allow_scripted_models or wanted.model not in SCRIPTS:
        raise ModelNotSupportedError(f"{wanted.model_name!r} is not a script that this deployment runs")
    return ScriptedModel(
        script=wanted.model,
        metadata={MODEL_NAME: wanted.model_name},
        context=wanted.context,
        answer_by=wanted.deadline.answer_by,
    )
