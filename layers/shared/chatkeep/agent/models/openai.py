"""OpenAI's chat completions, from OpenAI or from any endpoint that is compatible more or less."""

import asyncio
from collections.abc import Mapping
from functools import cache
from typing import Any
from weakref import WeakKeyDictionary

from httpx2 import Request
from langchain_core.messages import AIMessageChunk
from langchain_core.outputs import ChatGenerationChunk, ChatResult
from langchain_openai import ChatOpenAI
from langchain_openai.chat_models.base import BaseChatOpenAI, _create_usage_metadata
from openai import APIError
from pydantic import Field, SecretStr

from chatkeep.agent.models.careful import Careful
from chatkeep.agent.models.model_settings import ModelSettings
from chatkeep.agent.models.openai_http import AsyncClient, Client, as_chunk
from chatkeep.agent.models.options import Wire
from chatkeep.agent.models.reading import FRAGMENTS
from chatkeep.agent.models.within_context import WithinContext
from chatkeep.agent.settings import settings
from chatkeep.errors import ModelNotSupportedError
from chatkeep.turns.reported import MOST_TOKENS, believable

DESCRIBES = ("model", "system_fingerprint", "service_tier")
NAMES = {"model": "model_name"}


class CompatibleModel(WithinContext, Careful, BaseChatOpenAI):
    """A compatible endpoint's model. `wire` has the fields of a request that the endpoint takes, and their names."""

    wire: Wire = Field(default_factory=Wire)

    def _get_request_payload(self, input_: Any, *, stop: list[str] | None = None, **kwargs: Any) -> dict[str, Any]:
        return self.wire.applied(super()._get_request_payload(input_, stop=stop, **kwargs))

    def _convert_chunk_to_generation_chunk(
        self, chunk: dict[str, Any], default_chunk_class: type, base_generation_info: dict[str, Any] | None
    ) -> ChatGenerationChunk | None:
        """LangChain's own adds usages up, drops refusals, and fails for anything unexpected.

        Raises APIError where the answer is an error, though its status says otherwise.
        """
        if chunk.get("error") or chunk.get("object") == "error":
            told = chunk.get("error") or chunk
            raise APIError(str(told), Request("POST", "/chat/completions"), body=told)
        info = {NAMES.get(name, name): chunk[name] for name in DESCRIBES if isinstance(chunk.get(name), str)}
        choices = chunk.get("choices")
        choice = choices[0] if isinstance(choices, list) and choices and isinstance(choices[0], dict) else {}
        if isinstance(choice.get("finish_reason"), str):
            info["finish_reason"] = choice["finish_reason"]
        message = _message(choice.get("delta") or {})
        message.usage_metadata = _usage(chunk.get("usage"))
        return ChatGenerationChunk(message=message, generation_info={**(base_generation_info or {}), **info})

    def _create_chat_result(self, response: Any, generation_info: dict[str, Any] | None = None) -> ChatResult:
        """An answer that came whole, made of the chunk that says the same."""
        whole = response if isinstance(response, dict) else response.model_dump(warnings=False)
        chunk = self._convert_chunk_to_generation_chunk(as_chunk(whole), AIMessageChunk, generation_info)
        assert chunk is not None
        return ChatResult(generations=[chunk])


class OpenAIModel(CompatibleModel, ChatOpenAI):
    """OpenAI's own endpoint, with LangChain's knowledge of its models."""


def _message(delta: Any) -> AIMessageChunk:
    if not isinstance(delta, Mapping):
        return AIMessageChunk(content="")
    reasoning = delta.get("reasoning_content") or delta.get("reasoning")
    streamed = {"reasoning_content": reasoning, "refusal": delta.get("refusal")}
    extra: dict[str, Any] = {name: text for name, text in streamed.items() if isinstance(text, str)}
    calls = delta.get("tool_calls")
    extra[FRAGMENTS] = [
        _fragment(call, place)
        for place, call in enumerate(calls if isinstance(calls, list) else ())
        if isinstance(call, Mapping)
    ]
    return AIMessageChunk(content=_text(delta.get("content")), additional_kwargs=extra)


def _fragment(call: Mapping[str, Any], place: int) -> dict[str, Any]:
    function = call.get("function")
    function = function if isinstance(function, Mapping) else {}
    index = call.get("index")
    return {
        "index": index if isinstance(index, int) else place,
        "id": call.get("id"),
        "name": function.get("name"),
        "args": function.get("arguments"),
    }


def _text(content: Any) -> str:
    """The text of a content; some endpoints send it in parts."""
    if isinstance(content, list):
        return "".join(str(part.get("text") or "") for part in content if isinstance(part, Mapping))
    return content if isinstance(content, str) else ""


def _usage(told: Any) -> Any:
    """The members of `told` that can be counts; LangChain's function fails for one of an unexpected type."""
    if not isinstance(told, Mapping):
        return None
    counts: dict[str, Any] = {name: value for name, value in told.items() if _is_count(value)}
    for name in ("prompt_tokens_details", "completion_tokens_details"):
        details = told.get(name)
        counts[name] = (
            {of: one for of, one in details.items() if _is_count(one)} if isinstance(details, Mapping) else {}
        )
    return believable(_create_usage_metadata(counts)) if any(counts.values()) else None


def _is_count(value: Any) -> bool:
    return isinstance(value, int | float) and 0 <= value <= MOST_TOKENS


_clients: WeakKeyDictionary[Any, AsyncClient] = WeakKeyDictionary()


def _client_of_loop() -> AsyncClient:
    """One client per loop, as its connections belong to it; outside of one a fresh one."""
    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:
        return AsyncClient()
    if loop not in _clients:
        _clients[loop] = AsyncClient()
    return _clients[loop]


_client = cache(Client)


def make(wanted: ModelSettings) -> CompatibleModel:
    """The model at the deployment's OpenAI-compatible endpoint, else at OpenAI's own.

    Raises ModelNotSupportedError where there is no key for it, UnavailableError where the key cannot be read.
    """
    key = settings().openai_api_key
    if key is None:
        raise ModelNotSupportedError("this deployment has no key for an OpenAI-compatible endpoint: set OPENAI_API_KEY")
    at, options = settings().openai_base_url, settings().openai_options
    return compatible(wanted, base_url=at, api_key=key.current(), endpoint_options=options)


def compatible(
    wanted: ModelSettings, *, base_url: str | None, api_key: str, endpoint_options: Mapping[str, Any]
) -> CompatibleModel:
    """The model at `base_url`, or at OpenAI's own endpoint, with options of the endpoint and then of the session."""
    wire = Wire.of(wanted.model, endpoint_options, wanted.options)
    kind = OpenAIModel if base_url is None else CompatibleModel
    return kind(
        model=wanted.model,
        base_url=base_url,
        api_key=SecretStr(api_key),
        timeout=wanted.deadline.client_seconds_left(),
        max_retries=0,  # Careful tries again, and knows how much time there is
        stream_usage=True,
        disable_streaming=not wire.streams,
        wire=wire,
        http_client=_client(),
        http_async_client=_client_of_loop(),
        **wanted.fields(),
    )
