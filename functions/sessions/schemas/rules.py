"""The rules that fields keep, beyond those of their types, and their limits."""

import json
from typing import Any

from chatkeep import context_limits
from chatkeep.formats import RESERVED, UUID_SHAPED

LONGEST_PROMPT_BYTES = 32 * 1024
LONGEST_METADATA_BYTES = 16 * 1024
LONGEST_OPTIONS_BYTES = 4 * 1024
DEEPEST_METADATA = 32
"""Levels of objects and arrays: every JSON library must be able to read stored metadata, ours included."""
COOLEST = 1e-6
NULL_ALONE = {
    "audio", "function_call", "functions", "input", "max_tokens", "modalities", "n",
    "service_tier", "stream_options", "temperature", "tool_choice", "tools", "web_search_options",
}  # fmt: skip
"""Options that the session's own fields or its graph set, or whose price nobody knows: they can only be left out."""
NEVER = {"messages", "model"}
"""Options without which there is no request."""
LONGEST_TAG = 50
MOST_DAYS = 3_650


def encoded(text: str) -> bytes:
    """UTF-8; raises ValueError for a lone surrogate, which no storage keeps."""
    try:
        return text.encode()
    except UnicodeEncodeError:
        raise ValueError("is not valid Unicode") from None


def short_prompt(prompt: str) -> str:
    if len(encoded(prompt)) > LONGEST_PROMPT_BYTES:
        raise ValueError(f"must be at most {LONGEST_PROMPT_BYTES} bytes of UTF-8")
    return prompt


def small_metadata(metadata: dict[str, Any]) -> dict[str, Any]:
    return small_object(metadata, LONGEST_METADATA_BYTES)


def small_options(options: dict[str, Any]) -> dict[str, Any]:
    for name in sorted(NEVER & options.keys()):
        raise ValueError(f"{name} cannot be set here")
    for name in sorted(NULL_ALONE & options.keys()):
        if options[name] is not None:
            raise ValueError(f"{name} can only be null here, so that it is not sent")
    if options.get("stream") not in (None, False):
        raise ValueError("stream can only be false here, for endpoints that cannot")
    if options.get("system_role") not in (None, "system", "developer", "user"):
        raise ValueError("system_role must be system, developer or user")
    if options.get("max_tokens_field") not in (None, "max_tokens", "max_completion_tokens"):
        raise ValueError("max_tokens_field must be max_tokens or max_completion_tokens")
    if (limit := options.get(context_limits.OPTION)) is not None and not context_limits.is_limit(limit):
        raise ValueError(f"{context_limits.OPTION} {context_limits.RULE}")
    return small_object(options, LONGEST_OPTIONS_BYTES)


def small_object(value: dict[str, Any], most_bytes: int) -> dict[str, Any]:
    level: list[Any] = [value]
    for _ in range(DEEPEST_METADATA):
        level = [inner for one in level for inner in (one.values() if isinstance(one, dict) else one)]
        level = [one for one in level if isinstance(one, dict | list)]
    if level:
        raise ValueError(f"must be nested at most {DEEPEST_METADATA} levels deep")
    if len(encoded(json.dumps(value, ensure_ascii=False, allow_nan=False))) > most_bytes:
        raise ValueError(f"must be at most {most_bytes} bytes of JSON")
    return value


def storable(temperature: float) -> float:
    if 0 < temperature < COOLEST:  # DynamoDB refuses a number under 1e-130
        raise ValueError(f"must be 0 or at least {COOLEST:f}")
    return temperature + 0.0  # -0.0 comes back from the table as 0


def clients_own(session_id: str) -> str:
    if session_id in RESERVED or UUID_SHAPED.fullmatch(session_id):
        raise ValueError("must be neither bulk nor . nor .. nor a UUID")
    return session_id


def each_once(values: list[str]) -> list[str]:
    return list(dict.fromkeys(values))


def object_of(most_bytes: int) -> dict[str, Any]:
    """The limits of an object that no keyword of JSON Schema says, for the OpenAPI document."""
    return {"x-max-bytes": most_bytes, "x-max-depth": DEEPEST_METADATA}
