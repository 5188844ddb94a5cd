"""Usage as models report it, held to what can be."""

from collections.abc import Mapping
from typing import Any

from langchain_core.messages.ai import InputTokenDetails, OutputTokenDetails, UsageMetadata

MOST_TOKENS = 10_000_000
"""Of one call, a few times the longest context there is: what is over that was not counted."""


def believable(usage: Mapping[str, Any]) -> UsageMetadata:
    """`usage` with counts that can be true.

    One that is negative, no whole number or over `MOST_TOKENS` is 0, which says that it is not known; cached tokens are
    part of the input and reasoning ones of the output.
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


def _count(value: Any) -> int:
    whole = isinstance(value, int) or (isinstance(value, float) and value.is_integer())
    return int(value) if whole and 0 <= value <= MOST_TOKENS else 0
