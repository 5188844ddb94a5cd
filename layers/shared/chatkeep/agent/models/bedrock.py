"""Bedrock's Converse API."""

from collections.abc import AsyncIterator
from functools import cache
from typing import Any

import boto3
from botocore.awsrequest import AWSPreparedRequest
from botocore.config import Config
from langchain_core.messages import BaseMessage
from langchain_core.outputs import ChatGenerationChunk, ChatResult
from langchain_core.runnables import run_in_executor

from chatkeep import deadline
from chatkeep.agent.models.careful import Careful
from chatkeep.agent.models.converse import Converse
from chatkeep.agent.models.model_settings import ModelSettings
from chatkeep.agent.models.within_context import WithinContext
from chatkeep.aws import hooks
from chatkeep.context_limits import OPTION
from chatkeep.errors import FieldProblem, InvalidFieldError

READ_SECONDS = 30.0
CONFIG = Config(
    read_timeout=READ_SECONDS,
    connect_timeout=5,
    retries={"total_max_attempts": 1},  # Careful tries again, and knows how much time there is
    max_pool_connections=50,
)
NOT_FOR_IT = {"stream", "stream_options", "system_role", "max_tokens_field", "max_completion_tokens", OPTION}
"""Options that only OpenAI's API knows, or that are not for a model to know."""
FIELDS = {"temperature", "max_tokens", "top_p", "reasoning_effort", "stop_sequences", "prompt_caching"}
"""Options that the class has fields for; the others go to the model as they are."""
OBJECTS = ("thinking", "reasoningConfig")
"""Options of the models whose form the class takes for granted."""


class BedrockModel(WithinContext, Careful, Converse):
    """boto3 waits without asyncio, so that requests are made on a thread; that thread is awaited here."""

    async def _provider_astream(
        self, messages: list[BaseMessage], stop: list[str] | None, options: dict[str, Any]
    ) -> AsyncIterator[ChatGenerationChunk]:
        stream = Converse._stream(self, messages, stop, **options)
        while (chunk := await run_in_executor(None, next, stream, None)) is not None:
            yield chunk

    async def _provider_agenerate(
        self, messages: list[BaseMessage], stop: list[str] | None, options: dict[str, Any]
    ) -> ChatResult:
        return await run_in_executor(None, Converse._generate, self, messages, stop, **options)


@cache
def _client(service: str) -> Any:
    """One client per process: making one takes as long as a turn, and its connections are kept."""
    client = boto3.client(service, config=CONFIG)
    hooks.before_attempt(client, service, _limit)
    return client


def _limit(request: AWSPreparedRequest, **_: Any) -> None:
    request.context["read_timeout"] = min(READ_SECONDS, deadline.current().client_seconds_left())


def make(wanted: ModelSettings) -> BedrockModel:
    """The model on Bedrock; an option of None is a field that is not sent. Raises InvalidFieldError."""
    own, given = wanted.fields(), wanted.options
    own |= {name: value for name, value in given.items() if name in FIELDS}
    more = {name: value for name, value in given.items() if name not in FIELDS | NOT_FOR_IT and value is not None}
    for name in OBJECTS:
        if not isinstance(more.get(name, {}), dict):
            raise InvalidFieldError(FieldProblem(f"model_options.{name}", "is not an object"))
    made = BedrockModel(
        model=wanted.model,
        client=_client("bedrock-runtime"),
        bedrock_client=_client("bedrock"),
        additional_model_request_fields=more or None,
        **{name: value for name, value in own.items() if value is not None},
    )
    if (made.profile or {}).get("temperature") is False:
        made.temperature = None  # which each session has; LangChain leaves it out too, but warns
    return made
