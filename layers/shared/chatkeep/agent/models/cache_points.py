"""Cache points in a request of Bedrock's Converse: what comes before one is kept for requests that begin alike.

A point counts once as many tokens come before it as the model wants; a request may have four:
https://docs.aws.amazon.com/bedrock/latest/userguide/prompt-caching.html#prompt-caching-models
"""

import re
from typing import Any

from botocore.exceptions import ClientError

from chatkeep.agent import prices

POINT = {"cachePoint": {"type": "default"}}
FAMILIES = re.compile(r"(^|[./])(anthropic\.claude|amazon\.nova)-")
"""Those that take points of which the rules are known; others cache by themselves, or not at all."""
PREVIEW = "claude-3-5-sonnet"
"""Has prices of a cache that only the accounts of a preview got."""
WITHOUT_TOOLS = re.compile(r"(^|[./])amazon\.nova-")
"""Takes no point among the tools, nor in a message with a tool's result."""
LAST = 2
"""Of the user's messages: what the last request wrote ends where the last but one does."""
REFUSAL = re.compile(r"prompt caching|cache.?point", re.IGNORECASE)


def are_known_to_be_taken(model: str) -> bool:
    """Whether a model takes points by its family, and reads from a cache by the price list."""
    is_of_family = FAMILIES.search(model) is not None and PREVIEW not in model
    return is_of_family and prices.listed(f"bedrock:{model}").reads_from_cache


def are_refused(error: ClientError) -> bool:
    """Whether the model does not take points, or one of them where it stands."""
    return REFUSAL.search(str(error.response.get("Error", {}).get("Message", ""))) is not None


def add(model: str, system: list[Any], messages: list[dict[str, Any]], params: dict[str, Any]) -> None:
    """Add points to a request that has none: after the tools, after the system prompt, and to the user's last messages.

    The last of them writes what the next request reads, be it the next turn's or, in a loop of tools, this turn's.
    """
    takes_tools = WITHOUT_TOOLS.search(model) is None
    config = params.get("toolConfig") or {}
    tools = config.get("tools") or []
    if any("cachePoint" in one for one in (*system, *tools, *(block for one in messages for block in one["content"]))):
        return
    if tools and takes_tools:
        params["toolConfig"] = {**config, "tools": [*tools, POINT]}
    if system:
        system.append(POINT)
    said = [one for one in messages if one["role"] == "user" and (takes_tools or not _has_result(one))]
    for message in said[-LAST:]:
        message["content"] = [*message["content"], POINT]


def _has_result(message: dict[str, Any]) -> bool:
    return any("toolResult" in block for block in message["content"])
