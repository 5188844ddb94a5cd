"""The model and tool calls of a turn as spans, by OpenTelemetry's conventions for generative AI.

https://github.com/open-telemetry/semantic-conventions-genai, in the names of its release 0.1
"""

import re
import time
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.messages import AIMessage, BaseMessage, ToolMessage
from langchain_core.outputs import LLMResult

from chatkeep import tracing
from chatkeep.telemetry.log_lines import named
from chatkeep.tracing import NOTHING, Attributes, Kind, Span
from chatkeep.turns.call_recorder import ASIDE, CACHE_WRITES, RefusedChunk
from chatkeep.turns.model_calls import UNKNOWN, asked_for
from chatkeep.turns.reported import believable, finish_reason

PROVIDERS = {"bedrock": "aws.bedrock"}
"""The conventions' names of providers that we name otherwise."""
NAME = re.compile(r"[\w.:/@+-]{1,200}", re.ASCII)
"""A model's name in an answer, which may be anything."""
FAILED_TOOL = "tool_error"
STOPPED = "cancelled"


def model_attributes(model_name: str) -> dict[str, str]:
    """The provider and the model of a `provider:model` name."""
    provider, _, model = model_name.partition(":")
    return {"gen_ai.provider.name": PROVIDERS.get(provider, provider), "gen_ai.request.model": model}


class SpanRecorder(BaseCallbackHandler):
    """Records each call below the tool that makes it, else below the turn."""

    run_inline = True

    def __init__(self, session_id: str) -> None:
        self._conversation = {"gen_ai.conversation.id": session_id}
        self._running: dict[UUID, Span] = {}
        self._parents: dict[UUID, UUID | None] = {}
        self._begun: dict[UUID, float] = {}

    def on_chain_start(self, *_: Any, run_id: UUID, parent_run_id: UUID | None = None, **__: Any) -> None:
        self._parents[run_id] = parent_run_id

    on_retriever_start = on_chain_start  # neither is a span, and a call may lie below either

    def on_chat_model_start(
        self,
        serialized: dict[str, Any],
        messages: list[list[BaseMessage]],
        *,
        run_id: UUID,
        parent_run_id: UUID | None = None,
        tags: list[str] | None = None,
        metadata: dict[str, Any] | None = None,
        **_: Any,
    ) -> None:
        known = metadata or {}
        asked = model_attributes(asked_for(known))
        attributes: Attributes = {
            "gen_ai.operation.name": "chat",
            **asked,
            **self._conversation,
            "gen_ai.request.temperature": known.get("ls_temperature"),
            "gen_ai.request.max_tokens": known.get("ls_max_tokens"),
            "chatkeep.call.kind": next((tag for tag in tags or () if tag in ASIDE), None),
        }
        self._begin(run_id, parent_run_id, f"chat {asked['gen_ai.request.model']}", attributes, Kind.CLIENT)
        self._begun[run_id] = time.monotonic()

    def on_llm_new_token(self, token: Any, *, chunk: object = None, run_id: UUID, **_: Any) -> None:
        if isinstance(chunk, RefusedChunk) or (begun := self._begun.pop(run_id, None)) is None:
            return
        waited = time.monotonic() - begun
        told = {"gen_ai.request.stream": True, "gen_ai.response.time_to_first_chunk": waited}
        self._running.get(run_id, NOTHING).tell(told)

    def on_llm_end(self, response: LLMResult, *, run_id: UUID, **_: Any) -> None:
        span = self._running.get(run_id, NOTHING)
        for generations in response.generations:
            for generation in generations[:1]:
                if isinstance(message := getattr(generation, "message", None), AIMessage):
                    span.tell(_answered(message))
        self._end(run_id)

    def on_llm_error(self, error: BaseException, *, run_id: UUID, **_: Any) -> None:
        self._end(run_id, error)

    def on_tool_start(
        self,
        serialized: dict[str, Any] | None,
        input_str: str,
        *,
        run_id: UUID,
        parent_run_id: UUID | None = None,
        **_: Any,
    ) -> None:
        name = str((serialized or {}).get("name") or UNKNOWN)  # the graph's own, not what a model has called for
        attributes = {"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": name, "gen_ai.tool.type": "function"}
        self._begin(run_id, parent_run_id, f"execute_tool {name}", attributes | self._conversation, Kind.INTERNAL)

    def on_tool_end(self, output: Any, *, run_id: UUID, **_: Any) -> None:
        if isinstance(output, ToolMessage) and output.status == "error":
            self._running.get(run_id, NOTHING).fail(FAILED_TOOL)
        self._end(run_id)

    def on_tool_error(self, error: BaseException, *, run_id: UUID, **_: Any) -> None:
        self._end(run_id, error)

    def stop(self) -> None:
        """End the spans under way: the turn is over, and a call that goes on in a thread is no part of it any more."""
        for run_id in list(self._running):
            if (span := self._running.pop(run_id, None)) is not None:
                span.fail(STOPPED)
                span.end()

    def _begin(self, run_id: UUID, parent: UUID | None, name: str, attributes: Attributes, kind: Kind) -> None:
        self._parents[run_id] = parent
        while parent is not None and parent not in self._running:
            parent = self._parents.get(parent)
        above = NOTHING if parent is None else self._running.get(parent, NOTHING)
        self._running[run_id] = tracing.begin(name, attributes, kind, above)

    def _end(self, run_id: UUID, error: BaseException | None = None) -> None:
        if (span := self._running.pop(run_id, None)) is not None:
            if error is not None:
                span.fail(named(error))
            span.end()


def _answered(message: AIMessage) -> Attributes:
    """The attributes of an answer; its usage only as far as the model reported it."""
    usage = believable(message.usage_metadata or {})
    given: Mapping[str, Any] = usage.get("input_token_details", {})
    made = usage.get("output_token_details", {})
    model = message.response_metadata.get("model_name") or message.response_metadata.get("model")
    return {
        "gen_ai.response.model": model if isinstance(model, str) and NAME.fullmatch(model) else None,
        "gen_ai.response.finish_reasons": [finish_reason(message)],
        "gen_ai.usage.input_tokens": usage["input_tokens"] or None,
        "gen_ai.usage.output_tokens": usage["output_tokens"] or None,
        "gen_ai.usage.cache_read.input_tokens": given.get("cache_read"),
        "gen_ai.usage.cache_creation.input_tokens": sum(given.get(name, 0) for name in CACHE_WRITES) or None,
        "gen_ai.usage.reasoning.output_tokens": made.get("reasoning"),
    }
