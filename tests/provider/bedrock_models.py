"""The rules of Bedrock's Converse that depend on the model: those for cache points and for reasoning."""

import re
from collections.abc import Iterator
from typing import Any

RETURNED = "The model returned the following errors:"
CACHING = re.compile(r"anthropic\.claude-(3-5-haiku|3-7|[a-z]+-[4-9])|amazon\.nova-")
NOVA = re.compile(r"amazon\.nova-")
CLAUDE = re.compile(r"anthropic\.claude-")
BUDGETED = re.compile(r"claude-(3-7|[a-z]+-4-(\d{8}|[015]))")
ADAPTIVE_ALONE = re.compile(r"claude-([a-z]+-4-[78]|[a-z]+-5)")
NO_CACHING = (
    "You invoked an unsupported model or your request did not allow prompt caching. "
    "See the documentation for more information."
)
MOST_POINTS = 4
LEAST_BUDGET = 1024


def takes_cache_points(model: str) -> bool:
    return CACHING.search(model) is not None


def points(body: dict[str, Any]) -> list[tuple[str, int, dict[str, Any] | None]]:
    """The place of each cache point, with what stands before it."""
    places = {"#/system": body.get("system", []), "#/toolConfig/tools": body.get("toolConfig", {}).get("tools", [])}
    places |= {f"#/messages/{at}/content": one["content"] for at, one in enumerate(body.get("messages", []))}
    return [
        (place, at, blocks[at - 1] if at else None)
        for place, blocks in places.items()
        for at, block in enumerate(blocks)
        if "cachePoint" in block
    ]


def violations(model: str, body: dict[str, Any]) -> Iterator[str]:
    """The violations of the rules by a request of the right shape."""
    yield from _cache_points(model, body)
    more = body.get("additionalModelRequestFields") or {}
    if CLAUDE.search(model):
        yield from _thinking(model, body, more)
        yield from _signatures(body)
    yield from _other_reasoning(model, body, more)


def _cache_points(model: str, body: dict[str, Any]) -> Iterator[str]:
    found = points(body)
    if len(found) > MOST_POINTS:
        yield f"{RETURNED} A maximum of {MOST_POINTS} blocks with cache_control may be provided. Found {len(found)}."
    for place, at, before in found:
        if before is None or "cachePoint" in before:
            yield f"{RETURNED} {place}/{at}: a cache point needs content before it."
        elif "reasoningContent" in before:
            yield "Cache point cannot be inserted after reasoning block. Please remove the invalid cache point."
        elif NOVA.search(model) and (place == "#/toolConfig/tools" or "toolResult" in before):
            yield f"{RETURNED} Malformed input request: {place}/{at}: extraneous key [cachePoint] is not permitted"


def _thinking(model: str, body: dict[str, Any], more: dict[str, Any]) -> Iterator[str]:
    for name in more.keys() & {"reasoning_effort", "reasoningConfig", "reasoning", "prompt_caching"}:
        yield f"{RETURNED} {name}: Extra inputs are not permitted"
    thinking, wanted = more.get("thinking") or {}, body.get("inferenceConfig", {})
    kind = thinking.get("type")
    if kind == "adaptive" and BUDGETED.search(model):
        yield f"{RETURNED} adaptive thinking is not supported on this model"
    if kind == "enabled" and ADAPTIVE_ALONE.search(model):
        yield f'{RETURNED} "thinking.type.enabled" is not supported for this model. Use "thinking.type.adaptive".'
    if kind == "enabled":
        yield from _budget(thinking.get("budget_tokens", 0), wanted)
        yield from _goes_on_thinking(body.get("messages", []))
    if kind in ("enabled", "adaptive") and wanted.get("temperature", 1) != 1:
        yield f"{RETURNED} `temperature` may only be set to 1 when thinking is enabled."
    if "output_config" in more and BUDGETED.search(model):
        yield f"{RETURNED} output_config: Extra inputs are not permitted"


def _budget(budget: int, wanted: dict[str, Any]) -> Iterator[str]:
    if budget < LEAST_BUDGET:
        yield f"{RETURNED} thinking.enabled.budget_tokens: Input should be greater than or equal to {LEAST_BUDGET}"
    if wanted.get("maxTokens", 0) <= budget:
        yield f"{RETURNED} `max_tokens` must be greater than `thinking.budget_tokens`."


def _goes_on_thinking(messages: list[dict[str, Any]]) -> Iterator[str]:
    """What was thought before the first call of a loop comes back with the results."""
    asked = max((at for at, one in enumerate(messages) if one["role"] == "user" and not _has_result(one)), default=-1)
    if 0 <= asked < len(messages) - 1:
        at, blocks = asked + 1, messages[asked + 1]["content"]
        if "reasoningContent" not in blocks[0]:
            yield (
                f"{RETURNED} messages.{at}.content.0.type: Expected `thinking` or `redacted_thinking`, but found "
                "`tool_use`. When `thinking` is enabled, a final `assistant` message must start with a thinking block."
            )


def _has_result(message: dict[str, Any]) -> bool:
    return any("toolResult" in block for block in message["content"])


def _signatures(body: dict[str, Any]) -> Iterator[str]:
    for at, message in enumerate(body.get("messages", [])):
        for place, block in enumerate(message["content"]):
            text = block.get("reasoningContent", {}).get("reasoningText")
            if text is not None and not text.get("signature"):
                yield f"{RETURNED} messages.{at}.content.{place}.thinking.signature: Field required"


def _other_reasoning(model: str, body: dict[str, Any], more: dict[str, Any]) -> Iterator[str]:
    if NOVA.search(model) and "reasoningConfig" in more:
        if "nova-2" not in model:
            yield f"{RETURNED} Malformed input request: the provided reasoning config value is invalid"
        elif more["reasoningConfig"].get("maxReasoningEffort") == "high" and body.get("inferenceConfig"):
            refused = ", ".join(sorted(body["inferenceConfig"]))
            yield f"{RETURNED} {refused} must not be set when maxReasoningEffort is high"
    if "gpt-oss" in model and more.get("reasoning_effort", "low") not in ("low", "medium", "high"):
        yield f"{RETURNED} reasoning_effort: Input should be 'low', 'medium' or 'high'"
