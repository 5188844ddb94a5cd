"""Reasoning of Bedrock's models: the fields of a request that a session's `reasoning_effort` stands for."""

import re
from collections.abc import Mapping
from typing import Any

from langchain_aws.utils import reasoning_effort_additional_fields, thinking_in_params

from chatkeep.errors import FieldProblem, InvalidFieldError

FIELD = "model_options.reasoning_effort"
BUDGETED = re.compile(r"anthropic\.claude-(3-7|(opus|sonnet|haiku)-4-([015](?!\d)|\d{8}))")
"""Claude models that think within a budget of tokens; the later ones choose by the effort how much they think:
https://docs.aws.amazon.com/bedrock/latest/userguide/claude-messages-adaptive-thinking.html"""
SHARES = {"low": 0.2, "medium": 0.5, "high": 0.8}
"""Of `max_tokens`, which the thinking is part of."""
LEAST_BUDGET = 1024
"""https://docs.aws.amazon.com/bedrock/latest/userguide/claude-messages-extended-thinking.html"""
THINKING_TOKENS = "/usage"
"""Where a Claude model's own response has them; Converse's usage does not."""


def fields(model: str, effort: str, profile: Mapping[str, Any], max_tokens: int | None) -> dict[str, Any]:
    """The fields of a request to the model of this LangChain `profile`. Raises InvalidFieldError."""
    budgeted = BUDGETED.search(model) is not None
    levels = list(SHARES) if budgeted else profile.get("reasoning_effort_levels") or []
    found = _within_budget(effort, max_tokens) if budgeted else reasoning_effort_additional_fields(model, effort)
    if not levels or not found:
        raise _invalid("is not an option of this model")
    if effort not in levels:
        raise _invalid(f"is not one of {', '.join(levels)}, which this model has")
    return found


def _within_budget(effort: str, max_tokens: int | None) -> dict[str, Any]:
    limit = max_tokens or 0
    if limit <= LEAST_BUDGET:
        raise _invalid(f"takes a max_tokens over {LEAST_BUDGET}, as this model thinks within it")
    budget = max(LEAST_BUDGET, int(limit * SHARES.get(effort, 0)))
    return {"thinking": {"type": "enabled", "budget_tokens": budget}}


def _invalid(reason: str) -> InvalidFieldError:
    return InvalidFieldError(FieldProblem(FIELD, reason))


def without_temperature(params: dict[str, Any]) -> dict[str, Any]:
    """A request's `params`; without the temperature, which each session has, where the model reasons and refuses it.

    Claude while it thinks, and Nova at its highest effort:
    https://docs.aws.amazon.com/nova/latest/nova2-userguide/extended-thinking.html
    """
    more = params.get("additionalModelRequestFields") or {}
    nova = more.get("reasoningConfig") or {}
    if not (thinking_in_params(more) or nova.get("maxReasoningEffort") == "high"):
        return params
    kept = {name: value for name, value in params.get("inferenceConfig", {}).items() if name != "temperature"}
    return {**params, "inferenceConfig": kept}


def with_thinking_counted(params: dict[str, Any]) -> dict[str, Any]:
    """A request's `params`, which ask a Claude model that thinks for the number of its thinking tokens."""
    if not thinking_in_params(params.get("additionalModelRequestFields") or {}):
        return params
    paths = params.get("additionalModelResponseFieldPaths") or []
    return {**params, "additionalModelResponseFieldPaths": [*paths, THINKING_TOKENS]}
