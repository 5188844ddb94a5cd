"""A provider's report of an answer in the API's terms: plausible usage, and the reason why it ended."""

import re
from collections.abc import Mapping
from typing import Any

from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.messages.ai import InputTokenDetails, OutputTokenDetails, UsageMetadata

MOST_TOKENS = 10_000_000
"""The largest credible count per call: a few times the longest context there is."""

UNKNOWN = "unknown"
REASONS = {
    "stop": "stop",
    "end_turn": "stop",
    "stop_sequence": "stop",
    "eos": "stop",
    "complete": "stop",
    "length": "length",
    "max_tokens": "length",
    "model_length": "length",
    "model_context_window_exceeded": "length",
    "content_filter": "content_filter",
    "content_filtered": "content_filter",
    "guardrail_intervened": "content_filter",
    "safety": "content_filter",
    "refusal": "refusal",
    "tool_calls": "tool_calls",
    "tool_use": "tool_calls",
    "function_call": "tool_calls",
}
"""https://platform.openai.com/docs/api-reference/chat/object#chat/object-choices,
https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ConverseStream.html"""
KEYS = ("finish_reason", "stopReason", "stop_reason")
REFUSED = ("refusal", "content_filter")
TAGS = "think|thinking|reasoning"
THOUGHT = re.compile(rf"\A(\s*<({TAGS})>.*?(</\2>|\Z))+", re.DOTALL | re.IGNORECASE)
"""As some endpoints leave it in the words of models that reason: vLLM without a parser of reasoning, llama.cpp."""
ITS_END = re.compile(rf"\A(?:(?!<(?:{TAGS})>).)*?^[ \t]*</({TAGS})>[ \t]*$", re.DOTALL | re.IGNORECASE | re.MULTILINE)
"""Of a thought that began in the prompt, as with DeepSeek's and Qwen's templates."""


def believable(usage: Mapping[str, Any]) -> UsageMetadata:
    """`usage` with plausible counts.

    A count that is negative, not whole or over `MOST_TOKENS` becomes 0, which means unknown. Cached tokens are part of
    the input, reasoning tokens part of the output.
    """
    given, made = usage.get("input_token_details") or {}, usage.get("output_token_details") or {}
    read, written = _count(usage.get("input_tokens")), _count(usage.get("output_tokens"))
    left = read
    details: dict[str, int] = {}
    for name in ("cache_read", "cache_creation", "ephemeral_5m_input_tokens", "ephemeral_1h_input_tokens"):
        if name in given:
            details[name] = min(_count(given[name]), left)
            left -= details[name]
    reasoning = {"reasoning": min(_count(made["reasoning"]), written)} if "reasoning" in made else {}
    return UsageMetadata(
        input_tokens=read,
        output_tokens=written,
        total_tokens=read + written,
        input_token_details=InputTokenDetails(**details),  # type: ignore[typeddict-item]
        output_token_details=OutputTokenDetails(**reasoning),  # type: ignore[typeddict-item]
    )


def finish_reason(answer: AIMessage) -> str:
    """One of the values of REASONS, or `unknown`. A stop before the first word is unknown too, as nothing was said."""
    given = next((one for key in KEYS if (one := answer.response_metadata.get(key))), "")
    found = REASONS.get(str(given).lower(), UNKNOWN)
    if found == "stop" and answer.tool_calls:
        return "tool_calls"
    if found == "stop" and not answer.text.strip():
        return UNKNOWN
    return found


def words(answer: BaseMessage) -> str:
    """What a model has written for a task of ours, without its thoughts; "" where it refused or was kept from it."""
    if isinstance(answer, AIMessage) and finish_reason(answer) in REFUSED:
        return ""
    return without_thoughts(answer.text)


def without_thoughts(text: str) -> str:
    """`text` without the reasoning in tags at its beginning, which may be cut off; elsewhere a tag is a word."""
    return ITS_END.sub("", THOUGHT.sub("", text))


def _count(value: Any) -> int:
    whole = isinstance(value, int) or (isinstance(value, float) and value.is_integer())
    return int(value) if whole and 0 <= value <= MOST_TOKENS else 0
