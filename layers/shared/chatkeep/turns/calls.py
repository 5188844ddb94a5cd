"""The model calls of a turn: what each used, as the model reported it, else estimated."""

import time
from asyncio import CancelledError
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any
from uuid import UUID

from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage
from langchain_core.messages.ai import UsageMetadata, add_usage
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, GenerationChunk, LLMResult

from chatkeep.turns import estimate
from chatkeep.turns.usage import believable

ASIDE = {"summarization", "title"}
"""Tags of calls whose words are no part of the answer."""
KINDS = {"message", "tool", *ASIDE}
MODEL_NAME = "chatkeep_model_name"
"""Metadata of a model that was made for a session: the session's name for it."""
UNKNOWN = "unknown"
PROVIDERS = {"amazon_bedrock": "bedrock", "bedrock": "bedrock", "bedrock_converse": "bedrock"}
"""Our names of providers that LangChain's classes name otherwise."""


LONGEST_NAME = 200
"""Characters of a model's name, as of a session's."""


class RefusedChunk(ChatGenerationChunk):
    """No part of an answer: the request was refused and waits to be made once more.

    Until it is answered, it is taken to use nothing.
    """


class ReadChunk(ChatGenerationChunk):
    """A piece of an answer with the usage that was reported `so_far`, which is told again in the last one: what is
    known of a call that is stopped."""

    so_far: UsageMetadata | None = None


@dataclass(frozen=True)
class ModelCall:
    """One call. `model_name` is the model that answered as `provider:model`, `asked` the one that was asked for.

    `input_tokens` includes the cached ones, `cache_write_tokens` those kept for an hour, and `output_tokens` the
    reasoning ones; `cost` is in micro-dollars, None where the model has no known price; `estimated` where the model did
    not report its usage.
    """

    kind: str
    model_name: str
    input_tokens: int
    output_tokens: int
    cache_read_tokens: int = 0
    cache_write_tokens: int = 0
    cache_write_1h_tokens: int = 0
    reasoning_tokens: int = 0
    cost: int | None = None
    estimated: bool = False
    asked: str = ""

    def as_json(self) -> dict[str, Any]:
        shown = {name: value for name, value in asdict(self).items() if name in ALWAYS or value}
        if self.asked == self.model_name:
            shown.pop("asked", None)
        return shown


ALWAYS = {"input_tokens", "output_tokens", "cost"}
Pricing = Callable[[ModelCall], int | None]


@dataclass
class Running:
    """A call that has not ended: what was asked, and what has been heard so far."""

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
                # OpenAI's protocol has one usage an answer, which some endpoints tell again and again.
                again = self.asked.startswith("openai:")
                self.usage = message.usage_metadata if again else add_usage(self.usage, message.usage_metadata)

    def as_message(self) -> AIMessage:
        """The answer as far as it came."""
        return AIMessage("".join(self.words), usage_metadata=self.usage)


class CallRecorder(BaseCallbackHandler):
    """Collects the calls of one turn. A call tagged `summarization` or `title` is of that kind; else one that asks for
    tools is `tool` and one that answers `message`. `failure` is the error that the last call ended with, if it did, and
    `failed_model` the model that it was made to, if that is known; `first_heard` the moment of the first piece of an
    answer."""

    run_inline = True

    def __init__(self) -> None:
        self.calls: list[ModelCall] = []
        self.failure: BaseException | None = None
        self.failed_model: str | None = None
        self.first_heard: float | None = None
        self._running: dict[UUID, Running] = {}

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
        self.failure = None

    def on_llm_new_token(
        self, token: Any, *, chunk: GenerationChunk | ChatGenerationChunk | None = None, run_id: UUID, **_: Any
    ) -> None:
        if run_id in self._running:
            self._running[run_id].hear(token if isinstance(token, str) else "", chunk)
            if self.first_heard is None and self._running[run_id].answering:
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
        call = self._running.pop(run_id, None) or Running([], None, f"{UNKNOWN}:{UNKNOWN}")
        for generations in response.generations:
            for generation in generations[:1]:
                if isinstance(generation, ChatGeneration) and isinstance(generation.message, AIMessage):
                    self.calls.append(_record(call, generation.message))

    def stopped(self) -> list[ModelCall]:
        """The calls that were cut off, by what they had reported, else estimated from their text."""
        # A model in a thread may go on meanwhile.
        return [_record(call, call.as_message()) for call in list(self._running.values()) if not call.refused]

    def answering_model(self) -> str | None:
        """The model that the last call which is part of the answer was made to, if that is known."""
        asked = [one.asked for one in (*self.calls, *self.stopped()) if one.kind not in ASIDE]
        return asked[-1] if asked and is_known(asked[-1]) else None


def is_known(model_name: str) -> bool:
    """Whether a call's model is known by its provider and name."""
    return UNKNOWN not in model_name.split(":", 1)


def asked_for(metadata: Mapping[str, Any]) -> str:
    """The model that a call is made to, as `provider:model`: a session's own name for it, else by LangChain's."""
    if own := metadata.get(MODEL_NAME):
        return str(own)
    provider, model = str(metadata.get("ls_provider") or UNKNOWN), metadata.get("ls_model_name") or UNKNOWN
    return f"{PROVIDERS.get(provider, provider)}:{model}"


def _record(call: Running, message: AIMessage) -> ModelCall:
    usage = believable(call.usage or message.usage_metadata or {})
    given: Mapping[str, Any] = usage.get("input_token_details", {})
    read = usage["input_tokens"] or estimate.prompt_tokens(call.prompt)
    written = usage["output_tokens"] or estimate.answer_tokens(message)
    return ModelCall(
        kind=call.kind or ("tool" if message.tool_calls else "message"),
        model_name=_answered(call.asked, message),
        asked=call.asked,
        input_tokens=read,
        output_tokens=written,
        cache_read_tokens=given.get("cache_read", 0),
        cache_write_tokens=sum(given.get(name, 0) for name in WRITES),
        cache_write_1h_tokens=given.get("ephemeral_1h_input_tokens", 0),
        reasoning_tokens=usage.get("output_token_details", {}).get("reasoning", 0),
        estimated=(read, written) != (usage["input_tokens"], usage["output_tokens"]),
    )


WRITES = ("cache_creation", "ephemeral_5m_input_tokens", "ephemeral_1h_input_tokens")


def _answered(asked: str, message: AIMessage) -> str:
    """The model that says it has answered, with the provider that was asked."""
    named = message.response_metadata.get("model_name") or message.response_metadata.get("model")
    provider = asked.partition(":")[0]
    return f"{provider}:{named}" if isinstance(named, str) and 0 < len(named) <= LONGEST_NAME else asked
