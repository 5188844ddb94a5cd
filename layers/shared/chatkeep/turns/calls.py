"""The model calls of a turn: what each used, as the model reported it."""

from asyncio import CancelledError
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any
from uuid import UUID

from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.messages.utils import count_tokens_approximately
from langchain_core.outputs import ChatGeneration, LLMResult

ASIDE = {"summarization", "title"}
"""Tags of calls whose words are no part of the answer."""
KINDS = {"message", "tool", *ASIDE}


@dataclass(frozen=True)
class ModelCall:
    """One call. `input_tokens` includes the cached ones and `output_tokens` the reasoning ones; `cost` is in
    micro-dollars, None where the model has no known price; `estimated` where the model did not report its usage."""

    kind: str
    model_name: str
    input_tokens: int
    output_tokens: int
    cache_read_tokens: int = 0
    cache_write_tokens: int = 0
    reasoning_tokens: int = 0
    cost: int | None = None
    estimated: bool = False

    def as_json(self) -> dict[str, Any]:
        return {name: value for name, value in asdict(self).items() if name in ALWAYS or value}


ALWAYS = {"input_tokens", "output_tokens", "cost"}
Pricing = Callable[[ModelCall], int | None]


class CallRecorder(BaseCallbackHandler):
    """Collects the calls of one turn. A call tagged `summarization` or `title` is of that kind; else one that asks for
    tools is `tool` and one that answers `message`."""

    run_inline = True

    def __init__(self, model_name: str) -> None:
        self.calls: list[ModelCall] = []
        self._model_name = model_name
        self._running: dict[UUID, tuple[list[BaseMessage], str | None, list[str]]] = {}

    def on_chat_model_start(
        self,
        serialized: dict[str, Any],
        messages: list[list[BaseMessage]],
        *,
        run_id: UUID,
        tags: list[str] | None = None,
        **_: Any,
    ) -> None:
        kind = next((tag for tag in tags or [] if tag in KINDS), None)
        self._running[run_id] = (messages[0], kind, [])

    def on_llm_new_token(self, token: str | list[str | dict[str, Any]], *, run_id: UUID, **_: Any) -> None:
        if run_id in self._running and isinstance(token, str):
            self._running[run_id][2].append(token)

    def on_llm_error(self, error: BaseException, *, run_id: UUID, **_: Any) -> None:
        if not isinstance(error, CancelledError):  # a call that was cut off is billed all the same
            self._running.pop(run_id, None)

    def on_llm_end(self, response: LLMResult, *, run_id: UUID, **_: Any) -> None:
        prompt, kind, _tokens = self._running.pop(run_id, ([], None, []))
        for generations in response.generations:
            for generation in generations[:1]:
                if isinstance(generation, ChatGeneration) and isinstance(generation.message, AIMessage):
                    self.calls.append(self._reported(generation.message, prompt, kind))

    def stopped(self) -> list[ModelCall]:
        """The calls that were cut off before they reported their usage, estimated from their text."""
        return [
            ModelCall(
                kind=kind or "message",
                model_name=self._model_name,
                input_tokens=count_tokens_approximately(prompt),
                output_tokens=count_tokens_approximately([AIMessage("".join(tokens))]) if tokens else 0,
                estimated=True,
            )
            for prompt, kind, tokens in list(self._running.values())  # a model in a thread may go on meanwhile
        ]

    def _reported(self, message: AIMessage, prompt: list[BaseMessage], kind: str | None) -> ModelCall:
        kind = kind or ("tool" if message.tool_calls else "message")
        usage = message.usage_metadata
        if usage is None:
            return ModelCall(
                kind=kind,
                model_name=self._model_name,
                input_tokens=count_tokens_approximately(prompt),
                output_tokens=count_tokens_approximately([message]),
                estimated=True,
            )
        read = usage.get("input_token_details", {})
        return ModelCall(
            kind=kind,
            model_name=self._model_name,
            input_tokens=usage["input_tokens"],
            output_tokens=usage["output_tokens"],
            cache_read_tokens=read.get("cache_read", 0) or 0,
            cache_write_tokens=read.get("cache_creation", 0) or 0,
            reasoning_tokens=usage.get("output_token_details", {}).get("reasoning", 0) or 0,
        )
