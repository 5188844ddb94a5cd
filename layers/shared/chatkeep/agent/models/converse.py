"""LangChain's class for Bedrock's Converse, with prompt caching and reasoning as the families of models take them."""

from collections.abc import Iterator
from typing import Any

from botocore.exceptions import ClientError
from langchain_aws import ChatBedrockConverse
from langchain_core.callbacks import CallbackManagerForLLMRun
from langchain_core.messages import BaseMessage
from langchain_core.outputs import ChatGenerationChunk, ChatResult
from pydantic import StrictBool

from chatkeep.agent.models import cache_points, reasoning

_refusing: set[str] = set()
"""Models that have refused cache points to this process."""


class Converse(ChatBedrockConverse):
    """A request that is refused for its cache points is made once more without any, and its model gets no more of them.

    `prompt_caching` is None where the model decides.
    """

    prompt_caching: StrictBool | None = None

    def _stream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> Iterator[ChatGenerationChunk]:
        has_begun = False
        try:
            for chunk in super()._stream(messages, stop, run_manager, **kwargs):
                has_begun = True
                yield chunk
        except ClientError as error:
            if has_begun or not self._is_first_refusal(error):
                raise
            yield from super()._stream(messages, stop, run_manager, **kwargs)

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        try:
            return super()._generate(messages, stop, run_manager, **kwargs)
        except ClientError as error:
            if not self._is_first_refusal(error):
                raise
        return super()._generate(messages, stop, run_manager, **kwargs)

    def _is_first_refusal(self, error: ClientError) -> bool:
        """Whether the model has just refused the request for its cache points; the next one will have none."""
        if self.model_id in _refusing or not cache_points.are_refused(error):
            return False
        _refusing.add(self.model_id)
        return True

    def _apply_cache_points(
        self,
        cache_control: dict[str, Any] | None,
        system: list[dict[str, Any]],
        bedrock_messages: list[dict[str, Any]],
        params: dict[str, Any] | None = None,
    ) -> None:
        """LangChain puts them where a graph asks for them by `cache_control`, and nowhere else."""
        model, wanted = self._get_base_model(), self.prompt_caching
        if self.model_id in _refusing or wanted is False:
            return
        if cache_control:
            super()._apply_cache_points(cache_control, system, bedrock_messages, params)
        elif wanted or cache_points.are_known_to_be_taken(model):
            cache_points.add(model, system, bedrock_messages, {} if params is None else params)

    def _reasoning_effort_fields(self, effort: str) -> dict[str, Any]:
        """LangChain's leaves models out that have a budget, and drops what a model does not take without a word."""
        return reasoning.fields(self._get_base_model(), effort, self.profile or {}, self.max_tokens)

    def _converse_params(self, **kwargs: Any) -> dict[str, Any]:
        return reasoning.with_thinking_counted(reasoning.without_temperature(super()._converse_params(**kwargs)))
