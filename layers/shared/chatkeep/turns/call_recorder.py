"""The recorder of a turn's model calls: the usage of each, as the model reported it, else estimated."""

import threading
import time
from asyncio import CancelledError
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage
from langchain_core.messages.ai import UsageMetadata, add_usage
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, GenerationChunk, LLMResult

from chatkeep.text import valid
from chatkeep.turns import summaries, token_estimates
from chatkeep.turns.model_calls import LONGEST_NAME, UNKNOWN, ModelCall, asked_for, is_known
from chatkeep.turns.reported import believable
from chatkeep.turns.summaries import Summary

SUMMARIZATION, TITLE = "summarization", "title"
ASIDE = {SUMMARIZATION, TITLE}
"""Tags of calls whose words are no part of the answer."""
KINDS = {"message", "tool", *ASIDE}
CACHE_WRITES = ("cache_creation", "ephemeral_5m_input_tokens", "ephemeral_1h_input_tokens")
"""LangChain's details of the input tokens that were written to a cache."""


class RefusedChunk(ChatGenerationChunk):
    """No part of an answer: the request was refused and waits to be made once more.

    Until it is answered, it is taken to use nothing.
    """


class ReadChunk(ChatGenerationChunk):
    """A piece of an answer with the usage that was reported `so_far`, for a call that is stopped before the last piece
    reports it again."""

    so_far: UsageMetadata | None = None


@dataclass
class Running:
    """A call that has not ended: its prompt, and its answer so far."""

    prompt: list[BaseMessage]
    kind: str | None
    asked: str
    answering: bool = False
    refused: bool = False
    words: list[str] = field(default_factory=list)
    usage: UsageMetadata | None = None

    def hear(self, token: str, chunk: object) -> None:
        self.refused = isinstance(chunk, RefusedChunk)
        self.answering = not self.refused
        message = chunk.message if isinstance(chunk, ChatGenerationChunk) else None
        self.words.append(message.text if message else token)
        if isinstance(message, AIMessageChunk):
            self.words.append(str(message.additional_kwargs.get("reasoning_content") or ""))
            if isinstance(chunk, ReadChunk):
                self.usage = chunk.so_far or self.usage
            elif message.usage_metadata:
                # OpenAI's protocol has one usage per answer, which some endpoints repeat in every chunk.
                again = self.asked.startswith("openai:")
                self.usage = message.usage_metadata if again else add_usage(self.usage, message.usage_metadata)

    def as_message(self) -> AIMessage:
        """The answer as far as it came."""
        return AIMessage("".join(self.words), usage_metadata=self.usage)


class CallRecorder(BaseCallbackHandler):
    """Collects the calls of one turn. A call tagged `summarization` or `title` is of that kind; else one that asks for
    tools is `tool` and one that answers `message`. `failure` is the error that the last call ended with, if it did, and
    `failed_model` the model that it was made to, if that is known; `first_heard` the moment of the first piece of an
    answer; `summary` the latest one that was made for a call."""

    run_inline = True

    def __init__(self) -> None:
        self.calls: list[ModelCall] = []
        self.failure: BaseException | None = None
        self.failed_model: str | None = None
        self.first_heard: float | None = None
        self.summary: Summary | None = None
        self._running: dict[UUID, Running] = {}
        self._ending = threading.Lock()

    def on_chat_model_start(
        self,
        serialized: dict[str, Any],
        messages: list[list[BaseMessage]],
        *,
        run_id: UUID,
        tags: list[str] | None = None,
        metadata: dict[str, Any] | None = None,
        **_: Any,
    ) -> None:
        kind = next((tag for tag in tags or [] if tag in KINDS), None)
        self._running[run_id] = Running(messages[0], kind, asked_for(metadata or {}))
        self.summary = Summary.read((metadata or {}).get(summaries.KEY)) or self.summary
        self.failure = None

    def on_llm_new_token(
        self, token: Any, *, chunk: GenerationChunk | ChatGenerationChunk | None = None, run_id: UUID, **_: Any
    ) -> None:
        if run_id in self._running:
            call = self._running[run_id]
            call.hear(token if isinstance(token, str) else "", chunk)
            if self.first_heard is None and call.answering and call.kind not in ASIDE:
                self.first_heard = time.monotonic()

    def on_llm_error(self, error: BaseException, *, run_id: UUID, **_: Any) -> None:
        """A call that was cut off is billed all the same, one that was refused is not."""
        if isinstance(error, CancelledError):
            return
        call = self._running.pop(run_id, None)
        self.failure, self.failed_model = error, call.asked if call and is_known(call.asked) else None
        if call is not None and call.answering:
            self.calls.append(_record(call, call.as_message()))

    def on_llm_end(self, response: LLMResult, *, run_id: UUID, **_: Any) -> None:
        with self._ending:
            call = self._running.pop(run_id, None) or Running([], None, f"{UNKNOWN}:{UNKNOWN}")
            for generations in response.generations:
                for generation in generations[:1]:
                    if isinstance(generation, ChatGeneration) and isinstance(generation.message, AIMessage):
                        self.calls.append(_record(call, generation.message))

    def so_far(self) -> list[ModelCall]:
        """All calls: those that are under way by the usage that they have reported, else estimated from their text."""
        with self._ending:  # a model in a thread may go on meanwhile
            under_way = [_record(call, call.as_message()) for call in list(self._running.values()) if not call.refused]
            return [*self.calls, *under_way]

    def context_tokens(self) -> int | None:
        """What the last call that is part of the answer read and wrote: the next question comes on top of it."""
        last = next((one for one in reversed(self.so_far()) if one.kind not in ASIDE), None)
        return None if last is None else last.input_tokens + last.output_tokens

    def answering_model(self) -> str | None:
        """The model that the last call which is part of the answer was made to, if that is known."""
        asked = [one.asked for one in self.so_far() if one.kind not in ASIDE]
        return asked[-1] if asked and is_known(asked[-1]) else None


def _record(call: Running, message: AIMessage) -> ModelCall:
    usage = believable(call.usage or message.usage_metadata or {})
    given: Mapping[str, Any] = usage.get("input_token_details", {})
    read = usage["input_tokens"] or token_estimates.prompt_tokens(call.prompt)
    written = usage["output_tokens"] or token_estimates.answer_tokens(message)
    return ModelCall(
        kind=call.kind or ("tool" if message.tool_calls else "message"),
        model_name=_answered(call.asked, message),
        asked=call.asked,
        input_tokens=read,
        output_tokens=written,
        cache_read_tokens=given.get("cache_read", 0),
        cache_write_tokens=sum(given.get(name, 0) for name in CACHE_WRITES),
        cache_write_1h_tokens=given.get("ephemeral_1h_input_tokens", 0),
        reasoning_tokens=usage.get("output_token_details", {}).get("reasoning", 0),
        estimated=(read, written) != (usage["input_tokens"], usage["output_tokens"]),
    )


def _answered(asked: str, message: AIMessage) -> str:
    """The model that says it has answered, with the provider that was asked."""
    named = message.response_metadata.get("model_name") or message.response_metadata.get("model")
    provider = asked.partition(":")[0]
    return f"{provider}:{valid(named)}" if isinstance(named, str) and 0 < len(named) <= LONGEST_NAME else asked
